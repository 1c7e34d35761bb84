import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LimitName } from '../../src/transport/h2/limits.ts';
import { frame, message, request, requestBlock, settings, uint32 } from '../support/h2-frames.ts';
import { Attacker } from './attacker.ts';
import { echoPath, slowPath, Victim } from './victim.ts';

const enhanceYourCalm = 11;
const mebibyte = 1 << 20;

interface Flood {
  readonly name: string;
  readonly limit: LimitName;
  readonly turns: number;
  readonly part: (turn: number) => Buffer;
}

const streamId = (turn: number): number => 2 * turn + 1;
const bomb = Buffer.concat([
  requestBlock(echoPath),
  Buffer.from([0x40, 1, 0x61, 0x7f, 0x80, 0x1e]),
  Buffer.alloc(3967, 'x'),
]);
const bombReferences = Buffer.concat([requestBlock(echoPath), Buffer.alloc(16_000, 0xbe)]);

const floods: readonly Flood[] = [
  {
    name: 'rapid reset (CVE-2023-44487)',
    limit: 'resets',
    turns: 50_000,
    part: (turn) =>
      Buffer.concat([request(streamId(turn), 4, slowPath), frame(3, 0, streamId(turn), uint32(8))]),
  },
  {
    name: 'resets that the server is made to send (CVE-2025-8671)',
    limit: 'provokedResets',
    turns: 50_000,
    part: (turn) =>
      Buffer.concat([
        request(streamId(turn), 4, slowPath),
        frame(0, 1, streamId(turn), message(Buffer.from('x'))),
        frame(8, 0, streamId(turn), uint32(0)),
      ]),
  },
  {
    name: 'DATA after the end of streams',
    limit: 'provokedResets',
    turns: 50_000,
    part: (turn) =>
      Buffer.concat([request(streamId(turn), 5, slowPath), frame(0, 0, streamId(turn), Buffer.from('x'))]),
  },
  {
    name: 'empty CONTINUATION frames (CVE-2024-27316)',
    limit: 'continuations',
    turns: 50_000,
    part: continuation(0),
  },
  { name: 'full CONTINUATION frames', limit: 'headerBlockBytes', turns: 50_000, part: continuation(16_384) },
  { name: 'PING', limit: 'pings', turns: 100_000, part: () => frame(6, 0, 0, Buffer.alloc(8)) },
  { name: 'SETTINGS', limit: 'settings', turns: 100_000, part: () => settings({ 4: 65_535, 3: 100 }) },
  { name: 'PRIORITY', limit: 'priorities', turns: 100_000, part: () => frame(2, 0, 5, Buffer.alloc(5)) },
  {
    name: 'empty DATA',
    limit: 'emptyData',
    turns: 100_000,
    part: (turn) => (turn === 0 ? request(1, 4, echoPath) : frame(0, 0, 1)),
  },
  {
    name: 'DATA of nothing but padding',
    limit: 'emptyData',
    turns: 100_000,
    part: (turn) => (turn === 0 ? request(1, 4, echoPath) : frame(0, 8, 1, Buffer.alloc(2, 1).fill(0, 1))),
  },
  { name: 'WINDOW_UPDATE', limit: 'windowUpdates', turns: 100_000, part: () => frame(8, 0, 0, uint32(1)) },
  { name: 'frames of unknown types', limit: 'unknownFrames', turns: 100_000, part: () => frame(99, 0, 0) },
];

function continuation(size: number): (turn: number) => Buffer {
  return (turn) =>
    turn === 0 ? frame(1, 0, 1, Buffer.from([0x83])) : frame(9, 0, 1, Buffer.alloc(size, 0x83));
}

describe('a flood of', () => {
  for (const { name, limit, turns, part } of floods) {
    it(`${name} ends its own connection and disturbs no other`, async () => {
      await using victim = await Victim.start();
      await victim.untilAnswered(20);
      using attacker = await Attacker.connect(victim.server.port);
      await attacker.flood(turns, part);
      const result = await attacker.finish(60_000);
      assert.equal(result.closed, true, `still open after ${result.sentBytes} bytes`);
      assert.ok(result.goAwayCode === enhanceYourCalm || result.goAwayCode === undefined);
      assert.ok(victim.server.counters.limitHits[limit] > 0, `limit ${limit} was not hit`);
      const warned = victim.logger.lines.filter(({ level }) => level === 'warn');
      assert.deepEqual(
        warned.map((line) => line['limit']),
        [limit],
      );
      await victim.untilAnswered(20);
      assert.ok(victim.slowestMs < 10_000, `a good call took ${victim.slowestMs} ms`);
      assert.ok(victim.grownBytes < 16 * mebibyte, `memory grew by ${victim.grownBytes}`);
      await victim.until(() => victim.server.counters.heldBytes === 0);
    });
  }

  it('references to one large field (HPACK bomb) costs no memory and little time', async () => {
    await using victim = await Victim.start();
    using attacker = await Attacker.connect(victim.server.port);
    await attacker.send(frame(1, 5, 1, bomb));
    await attacker.flood(200, (turn) => frame(1, 5, 3 + 2 * turn, bombReferences));
    await victim.untilAnswered(20);
    await victim.until(() => victim.server.counters.limitHits.headerListBytes >= 200);
    assert.ok(victim.grownBytes < 16 * mebibyte, `memory grew by ${victim.grownBytes}`);
    assert.ok(victim.slowestMs < 10_000, `a good call took ${victim.slowestMs} ms`);
    await attacker.finish(0);
  });

  it('header lists of many times the limit costs its streams, no memory, and no other call of its connection', async () => {
    await using victim = await Victim.start();
    using attacker = await Attacker.connect(victim.server.port);
    const block = Buffer.concat([
      requestBlock(echoPath),
      Buffer.from([0x40, 1, 0x62, 0x7f, 0x81, 0xfe, 0x0e]),
      Buffer.alloc(245_632, 'x'),
    ]);
    const frames = (id: number): Buffer => {
      const parts = [frame(1, 1, id, block.subarray(0, 16_384))];
      for (let at = 16_384; at < block.length; at += 16_384) {
        parts.push(frame(9, at + 16_384 >= block.length ? 4 : 0, id, block.subarray(at, at + 16_384)));
      }
      return Buffer.concat(parts);
    };
    for (let turn = 0; turn < 200; turn++) await attacker.send(frames(streamId(turn)));
    await attacker.send(
      Buffer.concat([request(401, 4, echoPath), frame(0, 1, 401, message(Buffer.from('x')))]),
    );
    await victim.until(() => victim.server.counters.limitHits.headerListBytes >= 200);
    await victim.untilAnswered(20);
    assert.equal(attacker.isClosed, false);
    assert.equal(victim.server.counters.limitHits.headerBlockBytes, 0);
    assert.ok(victim.grownBytes < 16 * mebibyte, `memory grew by ${victim.grownBytes}`);
    assert.ok(victim.slowestMs < 10_000, `a good call took ${victim.slowestMs} ms`);
    await victim.until(() => victim.server.counters.heldBytes === 0);
    await attacker.finish(0);
  });

  it('calls that never end runs into the limit of concurrent streams, cancelled ones included', async () => {
    await using victim = await Victim.start({ maxConcurrentStreams: 50, rapidResetMs: 0 });
    using attacker = await Attacker.connect(victim.server.port);
    await attacker.flood(500, (turn) =>
      Buffer.concat([
        request(streamId(turn), 4, slowPath),
        frame(0, 1, streamId(turn), message(Buffer.from('x'))),
        frame(3, 0, streamId(turn), uint32(8)),
      ]),
    );
    await victim.untilAnswered(20);
    await victim.until(() => victim.server.counters.limitHits.concurrentStreams >= 450);
    await attacker.finish(0);
  });
});
