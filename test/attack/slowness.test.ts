import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  frame,
  message,
  opening,
  preface,
  request,
  requestBlock,
  settings,
  uint32,
} from '../support/h2-frames.ts';
import { Attacker } from './attacker.ts';
import { echoPath, largePath, Victim } from './victim.ts';

const mebibyte = 1 << 20;
const ack = frame(4, 1, 0);
const windowUpdate = (streamId: number, size: number): Buffer => frame(8, 0, streamId, uint32(size));

describe('a peer that', () => {
  it('opens no window for its replies is cut off, and what was kept for it is freed', async () => {
    await using victim = await Victim.start({ windowStallMs: 200 });
    using attacker = await Attacker.connect(
      victim.server.port,
      Buffer.concat([preface, settings({ 4: 0 }), ack]),
    );
    await attacker.flood(50, (turn) =>
      Buffer.concat([
        request(2 * turn + 1, 4, largePath),
        frame(0, 1, 2 * turn + 1, message(Buffer.alloc(0))),
      ]),
    );
    await victim.untilAnswered(20);
    await victim.until(() => victim.server.counters.limitHits.windowStall >= 50);
    await victim.until(() => victim.server.counters.heldBytes === 0);
    await attacker.finish(0);
  });

  it('asks for more than may be kept is refused the rest', async () => {
    await using victim = await Victim.start({ maxConnectionBytes: 10 * mebibyte });
    using attacker = await Attacker.connect(
      victim.server.port,
      Buffer.concat([preface, settings({ 4: 0 }), ack]),
    );
    await attacker.flood(200, (turn) =>
      Buffer.concat([
        request(2 * turn + 1, 4, largePath),
        frame(0, 1, 2 * turn + 1, message(Buffer.alloc(0))),
      ]),
    );
    await victim.untilAnswered(20);
    await victim.until(() => victim.server.counters.limitHits.connectionBytes > 100);
    assert.ok(victim.server.counters.heldBytes <= 10 * mebibyte);
    assert.ok(victim.grownBytes < 32 * mebibyte, `memory grew by ${victim.grownBytes}`);
    await attacker.finish(0);
  });

  it('reads nothing from its socket holds a bounded amount and is cut off', async () => {
    await using victim = await Victim.start({ windowStallMs: 300, maxConnectionBytes: 64 * mebibyte });
    const open = Buffer.concat([preface, settings({ 4: 0x7fff_ffff }), ack, windowUpdate(0, 0x7fff_0000)]);
    using attacker = await Attacker.connect(victim.server.port, open);
    attacker.stopReading();
    await attacker.flood(300, (turn) =>
      Buffer.concat([
        request(2 * turn + 1, 4, largePath),
        frame(0, 1, 2 * turn + 1, message(Buffer.alloc(0))),
      ]),
    );
    await victim.untilAnswered(10);
    assert.ok(victim.server.counters.heldBytes <= 64 * mebibyte);
    await victim.until(() => victim.server.counters.limitHits.windowStall > 0);
    await victim.until(() => victim.server.counters.heldBytes === 0);
    await attacker.finish(0);
  });

  it('sends its headers too slowly is cut off', async () => {
    await using victim = await Victim.start({ slowFrameMs: 150 });
    using attacker = await Attacker.connect(victim.server.port, Buffer.concat([opening, ack]));
    const bytes = frame(1, 5, 1, requestBlock(echoPath));
    for (const byte of bytes.subarray(0, -1)) {
      if (attacker.isClosed) break;
      await attacker.send(Uint8Array.of(byte));
      await victim.untilAnswered(5);
    }
    const { closed, goAwayCode } = await attacker.finish(60_000);
    assert.equal(closed, true);
    assert.equal(goAwayCode, 11);
    assert.equal(victim.server.counters.limitHits.slowFrame, 1);
  });

  it('sends its body too slowly loses its call', async () => {
    await using victim = await Victim.start({ slowRequestGraceMs: 150, minRequestBytesPerSecond: 1_000_000 });
    using attacker = await Attacker.connect(
      victim.server.port,
      Buffer.concat([opening, ack, request(1, 4, echoPath)]),
    );
    const hits = victim.server.counters.limitHits;
    await attacker.send(frame(0, 0, 1, Buffer.concat([Buffer.from([0]), uint32(100_000)])));
    while (hits.slowRequest === 0) {
      await attacker.send(frame(0, 0, 1, Buffer.from([0])));
      await victim.untilAnswered(1);
    }
    await attacker.finish(0);
  });

  it('claims a large message and sends little of it makes the server keep little', async () => {
    await using victim = await Victim.start();
    using resources = new DisposableStack();
    const attackers = await Promise.all(
      Array.from({ length: 20 }, async () => resources.use(await Attacker.connect(victim.server.port))),
    );
    const claim = Buffer.concat([Buffer.from([0]), uint32(60 * mebibyte), Buffer.alloc(2000)]);
    for (const attacker of attackers) {
      await attacker.flood(50, (turn) =>
        Buffer.concat([request(2 * turn + 1, 4, echoPath), frame(0, 0, 2 * turn + 1, claim)]),
      );
    }
    await victim.untilAnswered(20);
    assert.ok(victim.server.counters.heldBytes < 4 * mebibyte);
    assert.ok(victim.grownBytes < 32 * mebibyte, `memory grew by ${victim.grownBytes}`);
    for (const attacker of attackers) await attacker.finish(0);
    await victim.until(() => victim.server.counters.heldBytes === 0);
  });

  it('sends a good request byte by byte is answered all the same', async () => {
    await using victim = await Victim.start();
    using attacker = await Attacker.connect(victim.server.port, Buffer.alloc(0));
    const bytes = Buffer.concat([
      opening,
      request(1, 4, echoPath),
      frame(0, 1, 1, message(Buffer.from('drip'))),
      frame(6, 0, 0, Buffer.alloc(8)),
      frame(0, 0, 7),
    ]);
    for (const byte of bytes) await attacker.send(Uint8Array.of(byte));
    // The last frame is for a stream that does not exist: the server closes after it has answered everything else.
    const { closed, goAwayCode } = await attacker.finish(60_000);
    assert.equal(closed, true);
    assert.equal(goAwayCode, 1);
    assert.equal(victim.server.counters.streamsReset, 0);
  });
});
