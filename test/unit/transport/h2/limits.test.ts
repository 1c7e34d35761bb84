import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConnectionError } from '../../../../src/transport/h2/connection-error.ts';
import { okHeaders, someTrailers, TestConnection } from '../../../support/h2-connection.ts';
import type { FloodName, H2Limits, LimitName } from '../../../../src/transport/h2/limits.ts';
import { encodeHeaderBlock } from '../../../../src/transport/h2/hpack-encode.ts';
import { defaultLimits } from '../../../../src/transport/h2/limits.ts';
import {
  frame,
  opening,
  preface,
  request,
  requestBlock,
  settings,
  uint32,
} from '../../../support/h2-frames.ts';

const blocks = { headers: okHeaders, trailers: someTrailers };
const enhanceYourCalm = 11;
const ack = frame(4, 1, 0);
const ping = frame(6, 0, 0, Buffer.alloc(8));

function floodsOf(name: FloodName, limit: number): Partial<H2Limits> {
  return { floods: { ...defaultLimits.floods, [name]: limit } };
}

/** What a peer repeats to exceed each limit, by how often it was sent. */
const floods: Record<FloodName, (turn: number) => Buffer> = {
  resets: (turn) => Buffer.concat([request(2 * turn + 1), frame(3, 0, 2 * turn + 1, uint32(8))]),
  provokedResets: (turn) => Buffer.concat([request(2 * turn + 1), frame(8, 0, 2 * turn + 1, uint32(0))]),
  pings: () => ping,
  settings: () => settings({ 3: 1 }),
  priorities: () => frame(2, 0, 9, Buffer.alloc(5)),
  emptyData: (turn) => Buffer.concat([turn === 0 ? request(1) : Buffer.alloc(0), frame(0, 0, 1)]),
  windowUpdates: () => frame(8, 0, 0, uint32(1)),
  unknownFrames: () => frame(77, 0, 0, Buffer.from('?')),
};

describe('floods', () => {
  for (const [name, attack] of Object.entries(floods) as [FloodName, (turn: number) => Buffer][]) {
    it(`end the connection at one of ${name} too many, and are counted`, () => {
      // The peer's own SETTINGS in the opening count too.
      const test = new TestConnection(floodsOf(name, name === 'settings' ? 11 : 10));
      for (let turn = 0; turn < 10; turn++) test.socket.receive(attack(turn));
      assert.equal(test.goAwayCode(), undefined);
      test.socket.receive(attack(10));
      assert.equal(test.goAwayCode(), enhanceYourCalm);
      assert.equal(test.counters.limitHits[name], 1);
      assert.equal(test.counters.connectionErrors, 1);
    });

    it(`are forgiven for ${name} after the window`, () => {
      const test = new TestConnection({ ...floodsOf(name, 11), floodWindowMs: 100, settingsAckMs: Infinity });
      for (let turn = 0; turn < 40; turn++) {
        test.socket.receive(attack(turn));
        test.clock.advance(11);
      }
      assert.equal(test.goAwayCode(), undefined);
    });
  }

  it('do not include pings and window updates that follow our own data', () => {
    const test = new TestConnection({ ...floodsOf('pings', 2) });
    for (let turn = 0; turn < 100; turn++) {
      test.socket.receive(request(2 * turn + 1, 5));
      test.sink.stream.reply(blocks, Buffer.alloc(0), Buffer.from('x'));
      test.socket.receive(ping, ping);
    }
    assert.equal(test.goAwayCode(), undefined);
  });

  it('do not include the window updates with which grpc-core reads the messages of a long stream', () => {
    const test = new TestConnection({ ...floodsOf('windowUpdates', 2) });
    test.socket.receive(request(1));
    const { stream } = test.sink;
    stream.sendHeaders(blocks.headers);
    for (let turn = 0; turn < 100; turn++) {
      stream.sendData([Buffer.from('x')]);
      const updates = [frame(8, 0, 1, uint32(1)), frame(8, 0, 1, uint32(5)), frame(8, 0, 0, uint32(1))];
      test.socket.receive(...updates);
    }
    assert.equal(test.goAwayCode(), undefined);
    for (let turn = 0; turn < 600; turn++) test.socket.receive(frame(8, 0, 1, uint32(1)));
    assert.equal(test.goAwayCode(), enhanceYourCalm);
  });

  it('do not include what a client sends around calls that fail without data', () => {
    const test = new TestConnection({
      floods: { ...defaultLimits.floods, windowUpdates: 2, unknownFrames: 2 },
    });
    for (let turn = 0; turn < 100; turn++) {
      const id = 2 * turn + 1;
      test.socket.receive(request(id, 5), frame(8, 0, id, uint32(5)), frame(8, 0, 0, uint32(5)));
      test.sink.stream.end(someTrailers);
      // Its deadline passed as well, and it had not read the answer yet.
      test.socket.receive(frame(3, 0, id, uint32(8)));
    }
    assert.equal(test.goAwayCode(), undefined);
  });

  it('do not include resets of as many requests as were answered', () => {
    const test = new TestConnection({ ...floodsOf('resets', 2) });
    for (let turn = 0; turn < 100; turn += 2) {
      test.socket.receive(request(2 * turn + 1, 5), request(2 * turn + 3));
      test.sinks.at(-2)!.stream.end(someTrailers);
      test.socket.receive(frame(3, 0, 2 * turn + 3, uint32(8)));
    }
    assert.equal(test.goAwayCode(), undefined);
    for (let turn = 100; turn < 103; turn++)
      test.socket.receive(request(2 * turn + 1), frame(3, 0, 2 * turn + 1, uint32(8)));
    assert.equal(test.goAwayCode(), enhanceYourCalm);
  });

  it('do not include resets of requests that their client waited for', () => {
    const test = new TestConnection({ ...floodsOf('resets', 2), rapidResetMs: 50 });
    for (let turn = 0; turn < 20; turn++) {
      test.socket.receive(request(2 * turn + 1));
      test.clock.advance(51);
      test.socket.receive(frame(3, 0, 2 * turn + 1, uint32(8)));
    }
    assert.equal(test.goAwayCode(), undefined);
  });
});

describe('streams', () => {
  it('above the limit are refused so that a client may try again', () => {
    const test = new TestConnection({ maxConcurrentStreams: 2 });
    test.socket.receive(request(1), request(3), request(5));
    assert.deepEqual(
      test.framesOf(3).map(({ streamId, payload }) => [streamId, payload.readUInt32BE(0)]),
      [[5, 7]],
    );
    assert.equal(test.sinks.length, 2);
    assert.equal(test.counters.limitHits.concurrentStreams, 1);
  });

  it('that were reset count for as long as their handlers work', () => {
    const test = new TestConnection({ maxConcurrentStreams: 2 });
    test.socket.receive(request(1), request(3));
    const [first] = test.sinks;
    first!.stream.beginWork();
    test.socket.receive(frame(3, 0, 1, uint32(8)), frame(3, 0, 3, uint32(8)), request(5), request(7));
    assert.equal(test.sinks.length, 3);
    first!.stream.endWork();
    test.socket.receive(request(9));
    assert.equal(test.sinks.length, 4);
  });
});

describe('header blocks', () => {
  it('with too large a list reach the application cut off and marked', () => {
    const test = new TestConnection({ maxHeaderListBytes: 200 });
    test.socket.receive(frame(1, 5, 1, requestBlock('/', [['x-large', 'y'.repeat(300)]])));
    assert.ok((test.sink.head.excess?.sizeBytes ?? 0) > 500);
    assert.equal(test.sink.head.excess?.limitBytes, 200);
    assert.equal(test.counters.limitHits.headerListBytes, 1);
    assert.equal(test.goAwayCode(), undefined);
  });

  it('with too large a list still tell the content type, however late it comes', () => {
    const test = new TestConnection({ maxHeaderListBytes: 200 });
    const block = encodeHeaderBlock([
      [':method', 'POST'],
      ['x-large', 'y'.repeat(300)],
      ['content-type', 'application/grpc'],
      ['content-type', 'text/plain'],
    ]);
    test.socket.receive(frame(1, 5, 1, block));
    assert.equal(test.sink.head.contentType, 'application/grpc');
    assert.equal(test.sink.head.fields.length, 2);
  });

  it('with too large a list are counted each time, short ones that refer to a large field too', () => {
    const test = new TestConnection({ maxHeaderListBytes: 200 });
    const large = Buffer.concat([Buffer.from([0x40, 1, 0x61, 0x7f, 0xad, 1]), Buffer.alloc(300, 'y')]);
    test.socket.receive(frame(1, 5, 1, Buffer.concat([requestBlock(), large])));
    for (const id of [3, 5, 7]) {
      test.socket.receive(frame(1, 5, id, Buffer.concat([requestBlock(), Buffer.from([0xbe])])));
    }
    assert.equal(test.counters.limitHits.headerListBytes, 4);
    assert.equal(test.goAwayCode(), undefined);
  });

  it('of many times the limit end only their streams, as long as the encoded block is within its own', () => {
    const test = new TestConnection();
    const fields = Array.from({ length: 15 }, (_, index) => [`x-${index}`, 'y'.repeat(16_000)] as const);
    const block = requestBlock('/', fields);
    test.socket.receive(frame(1, 1, 1, block.subarray(0, 16_384)));
    for (let at = 16_384; at < block.length; at += 16_384) {
      const isLast = at + 16_384 >= block.length;
      test.socket.receive(frame(9, isLast ? 4 : 0, 1, block.subarray(at, at + 16_384)));
    }
    assert.ok((test.sink.head.excess?.sizeBytes ?? 0) > 240_000);
    test.socket.receive(request(3, 5));
    assert.equal(test.sinks.length, 2);
    assert.equal(test.goAwayCode(), undefined);
  });

  const attacks: Record<string, [Partial<H2Limits>, LimitName, Buffer]> = {
    'too many bytes': [{ maxHeaderBlockBytes: 100 }, 'headerBlockBytes', frame(9, 0, 1, Buffer.alloc(60))],
    'too many continuations': [{ maxContinuations: 2 }, 'continuations', frame(9, 0, 1)],
  };
  for (const [name, [limits, limit, continuation]] of Object.entries(attacks)) {
    it(`with ${name} end the connection before they are complete`, () => {
      const test = new TestConnection(limits);
      test.socket.receive(frame(1, 0, 1, Buffer.alloc(10)), continuation);
      assert.equal(test.goAwayCode(), undefined);
      test.socket.receive(continuation, continuation);
      assert.equal(test.goAwayCode(), enhanceYourCalm);
      assert.equal(test.counters.limitHits[limit], 1);
    });
  }

  it('in many frames are read like those in one', () => {
    const test = new TestConnection();
    const block = requestBlock('/in/parts');
    test.socket.receive(frame(1, 1, 1, block.subarray(0, 5)), frame(9, 0, 1, block.subarray(5, 9)));
    test.socket.receive(frame(9, 4, 1, block.subarray(9)));
    assert.equal(test.sink.head.path, '/in/parts');
    assert.deepEqual(test.sink.events, ['end']);
  });

  it('that repeat are read from the cache until the table changes', () => {
    const test = new TestConnection();
    const indexed = Buffer.concat([Buffer.from([0x83, 0x86, 0x84]), Buffer.from([0xbe])]);
    const add = (value: string): Buffer =>
      Buffer.concat([Buffer.from([0x83, 0x86, 0x84, 0x40, 1, 0x61, value.length]), Buffer.from(value)]);
    test.socket.receive(frame(1, 5, 1, add('one')), frame(1, 5, 3, indexed), frame(1, 5, 5, indexed));
    test.socket.receive(frame(1, 5, 7, add('two')), frame(1, 5, 9, indexed), frame(1, 5, 11, indexed));
    const values = test.sinks.map(({ head }) => head.get('a'));
    assert.deepEqual(values, ['one', 'one', 'one', 'two', 'two', 'two']);
    assert.equal(test.sinks[4]!.head, test.sinks[5]!.head);
  });

  const malformed: Record<string, readonly (readonly [string, string])[]> = {
    'an upper-case name': [['X-Upper', '1']],
    'a name with a space': [['x y', '1']],
    'an empty name': [['', '1']],
    'a line break in a value': [['x', 'a\r\nb']],
    'a NUL in a value': [['x', 'a\0']],
    'another control character in a value': [['x', 'a\u0013']],
    'blanks around a value': [['x', ' a']],
    'a connection header': [['connection', 'close']],
    'te other than trailers': [['te', 'gzip']],
    'an unknown pseudo-header': [[':proto', 'x']],
    'a pseudo-header after others': [
      ['a', 'b'],
      [':path', '/'],
    ],
    'two different lengths': [
      ['content-length', '1'],
      ['content-length', '2'],
    ],
    'a length that is none': [['content-length', '-1']],
  };
  for (const [name, fields] of Object.entries(malformed)) {
    it(`with ${name} reset their stream only`, () => {
      const test = new TestConnection();
      test.socket.receive(frame(1, 5, 1, requestBlock('/', fields)), request(3, 5));
      assert.deepEqual(
        test.framesOf(3).map(({ streamId, payload }) => [streamId, payload[3]]),
        [[1, 1]],
      );
      assert.equal(test.sinks.length, 1);
    });
  }
});

describe('memory', () => {
  it('is counted for what waits to be sent, and freed when the stream goes', () => {
    const test = new TestConnection(
      { maxConnectionBytes: 1000 },
      Buffer.concat([preface, settings({ 4: 0 })]),
    );
    test.socket.receive(request(1, 5), request(3, 5));
    const [first, second] = test.sinks;
    assert.equal(first!.stream.reply(blocks, Buffer.alloc(5), Buffer.alloc(595)), true);
    assert.equal(test.counters.heldBytes, 600);
    assert.equal(second!.stream.reply(blocks, Buffer.alloc(5), Buffer.alloc(595)), false);
    assert.equal(test.counters.limitHits.connectionBytes, 1);
    test.socket.receive(frame(3, 0, 1, uint32(8)));
    assert.equal(test.counters.heldBytes, 0);
    assert.equal(second!.stream.reply(blocks, Buffer.alloc(5), Buffer.alloc(595)), true);
    test.connection.destroy();
    assert.equal(test.counters.heldBytes, 0);
  });

  it('has a bound over all connections', () => {
    const test = new TestConnection({ maxTotalBytes: 100 });
    test.socket.receive(request(1));
    assert.equal(test.sink.stream.hold(101), false);
    assert.equal(test.counters.limitHits.totalBytes, 1);
  });
});

describe('time limits', () => {
  it('end a connection that does not acknowledge SETTINGS', () => {
    const test = new TestConnection({ settingsAckMs: 100 });
    test.pass(99);
    assert.equal(test.goAwayCode(), undefined);
    test.pass(1);
    assert.equal(test.goAwayCode(), 4);
    const good = new TestConnection({ settingsAckMs: 100 });
    good.socket.receive(ack);
    good.pass(1000);
    assert.equal(good.goAwayCode(), undefined);
  });

  const incomplete: Record<string, Buffer> = {
    'the preface': preface.subarray(0, 5),
    'a frame': Buffer.concat([opening, ack, ping.subarray(0, 12)]),
    'a header block': Buffer.concat([opening, ack, frame(1, 0, 1, Buffer.from([0x83]))]),
  };
  for (const [name, bytes] of Object.entries(incomplete)) {
    it(`end a connection that does not complete ${name}, however it drips`, () => {
      const test = new TestConnection({ slowFrameMs: 100 }, bytes);
      test.pass(50);
      if (name === 'a header block') test.socket.receive(frame(9, 0, 1, Buffer.from([0x86])));
      else test.socket.receive(Buffer.from([name === 'the preface' ? preface[5]! : 0]));
      test.pass(49);
      assert.equal(test.goAwayCode(), undefined);
      test.pass(1);
      assert.equal(test.goAwayCode(), enhanceYourCalm);
      assert.equal(test.counters.limitHits.slowFrame, 1);
    });
  }

  it('reset a request whose body trickles, not one that waits for nothing', () => {
    const test = new TestConnection({ slowRequestGraceMs: 1000, minRequestBytesPerSecond: 100 });
    test.socket.receive(ack, request(1), request(3));
    const [slow, quiet] = test.sinks;
    slow!.stream.awaitingSince = test.clock.now();
    for (let second = 0; second < 2; second++) {
      test.socket.receive(frame(0, 0, 1, Buffer.alloc(50)));
      test.pass(500);
    }
    assert.deepEqual([slow!.events, quiet!.events], [[], []]);
    test.pass(1000);
    assert.deepEqual([slow!.events, quiet!.events], [['aborted'], []]);
    assert.equal(test.counters.limitHits.slowRequest, 1);
  });

  it('reset a stream whose reply does not move', () => {
    const test = new TestConnection(
      { windowStallMs: 100 },
      Buffer.concat([preface, settings({ 4: 3 }), ack]),
    );
    test.socket.receive(request(1, 5));
    test.sink.stream.reply(blocks, Buffer.alloc(0), Buffer.from('stalled'));
    test.pass(60);
    test.socket.receive(frame(8, 0, 1, uint32(1)));
    test.pass(60);
    assert.deepEqual(test.sink.events, ['end']);
    test.pass(60);
    assert.deepEqual(test.sink.events, ['end', 'aborted']);
    assert.equal(test.counters.limitHits.windowStall, 1);
    assert.equal(test.counters.heldBytes, 0);
  });

  it('destroy a connection whose socket takes nothing', () => {
    const test = new TestConnection({ windowStallMs: 100 });
    test.socket.receive(ack);
    test.socket.stuck = true;
    test.socket.receive(ping);
    test.pass(10);
    test.pass(99);
    assert.equal(test.isGone, false);
    test.pass(1);
    assert.equal(test.isGone, true);
  });

  it('ping a silent peer, and destroy the connection when it does not answer', () => {
    const test = new TestConnection({ keepaliveTimeMs: 100, keepaliveTimeoutMs: 50 });
    test.socket.receive(ack);
    test.pass(100);
    const [sent] = test.framesOf(6);
    assert.equal(test.framesOf(6).length, 0);
    test.socket.receive(frame(6, 1, 0, sent?.payload ?? Buffer.alloc(8)));
    test.pass(60);
    assert.equal(test.isGone, false);
    test.pass(60);
    test.pass(50);
    assert.equal(test.isGone, true);
    assert.equal(test.counters.limitHits.keepalive, 1);
    const [told] = test.failures;
    assert.equal(told instanceof ConnectionError ? told.limit : told, 'keepalive');
  });
});
