import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { okHeaders, someTrailers, TestConnection } from '../../../support/h2-connection.ts';
import { frame, opening, preface, request, settings, uint32 } from '../../../support/h2-frames.ts';

const blocks = { headers: okHeaders, trailers: someTrailers };
const windowUpdate = (streamId: number, size: number): Buffer => frame(8, 0, streamId, uint32(size));

function dataBytes(test: TestConnection): number {
  return test.framesOf(0).reduce((sum, { payload }) => sum + payload.length, 0);
}

describe('sending', () => {
  it('puts a whole reply into one write', () => {
    const test = new TestConnection();
    test.frames();
    const before = test.socket.writes;
    const sends = Buffer.concat([request(1, 5), request(3, 5)]);
    test.sinks.push = (...sinks) => {
      for (const sink of sinks) {
        sink.onEnd = () => void sink.stream.reply(blocks, Buffer.from('prefix'), Buffer.from('body'));
      }
      return 0;
    };
    test.socket.receive(sends);
    assert.equal(test.socket.writes, before + 1);
    const frames = test.frames();
    assert.deepEqual(
      frames.map(({ type, flags, streamId }) => [type, flags, streamId]),
      [1, 3].flatMap((id) => [
        [1, 4, id],
        [0, 0, id],
        [1, 5, id],
      ]),
    );
    assert.equal(frames[1]!.payload.toString(), 'prefixbody');
  });

  it('keeps to the stream window and goes on when it grows, trailers last', () => {
    const test = new TestConnection({}, Buffer.concat([preface, settings({ 4: 10 })]));
    test.socket.receive(request(1, 5));
    test.frames();
    test.sink.stream.reply(blocks, Buffer.from('12345'), Buffer.alloc(20, 'x'));
    test.socket.receive(windowUpdate(1, 3));
    const [headers, first, second, ...none] = test.frames();
    assert.deepEqual([headers!.type, first!.payload.length, second!.payload.length], [1, 10, 3]);
    assert.equal(none.length, 0);
    test.socket.receive(windowUpdate(1, 100));
    assert.deepEqual(
      test.frames().map(({ type, flags, payload }) => [type, flags, type === 0 ? payload.length : 0]),
      [
        [0, 0, 12],
        [1, 5, 0],
      ],
    );
    assert.deepEqual(test.sink.events, ['end', 'done']);
  });

  it('ends a reply without trailers with the last of its data', async () => {
    const test = new TestConnection({}, Buffer.concat([preface, settings({ 4: 3 })]));
    for (const streamId of [1, 3]) {
      test.socket.receive(request(streamId, 5));
      test.frames();
      const { stream } = test.sink;
      stream.sendHeaders(okHeaders);
      assert.equal(stream.sendData([Buffer.from(streamId === 1 ? 'all' : 'more')]), true);
      stream.end(Buffer.alloc(0));
      if (streamId === 3) test.socket.receive(windowUpdate(3, 1));
      await new Promise((resolve) => process.nextTick(resolve));
      const frames = test.frames().map(({ type, flags, payload }) => [type, flags, payload.toString()]);
      assert.deepEqual(frames.slice(1), [
        [0, 0, streamId === 1 ? 'all' : 'mor'],
        ...(streamId === 1 ? [] : [[0, 0, 'e']]),
        [0, 1, ''],
      ]);
      assert.equal(test.sink.events.at(-1), 'done');
    }
  });

  it('keeps to the connection window and shares it between streams in turns', () => {
    const test = new TestConnection({}, Buffer.concat([preface, settings({ 4: 1_000_000 })]));
    test.socket.receive(request(1, 5), request(3, 5));
    for (const { stream } of test.sinks) stream.reply(blocks, Buffer.alloc(0), Buffer.alloc(200_000));
    test.socket.receive(settings());
    assert.equal(dataBytes(test), 65_535);
    test.socket.receive(windowUpdate(0, 65_536 * 2));
    const sent = test.framesOf(0);
    assert.deepEqual([...new Set(sent.map(({ streamId }) => streamId))], [1, 3]);
    test.socket.receive(windowUpdate(0, 1_000_000));
    assert.equal(dataBytes(test), 400_000 - 65_535 - 65_536 * 2);
    assert.equal(test.counters.heldBytes, 0);
  });

  it('follows a change of the initial window on open streams, below zero too', () => {
    const test = new TestConnection({}, Buffer.concat([preface, settings({ 4: 100 })]));
    test.socket.receive(request(1, 5));
    test.sink.stream.reply(blocks, Buffer.alloc(0), Buffer.alloc(300));
    test.socket.receive(settings({ 4: 50 }));
    assert.equal(dataBytes(test), 100);
    test.socket.receive(windowUpdate(1, 40));
    assert.equal(dataBytes(test), 0);
    test.socket.receive(settings({ 4: 350 }));
    assert.equal(dataBytes(test), 200);
  });

  it('cuts DATA and header blocks to the frame size that the peer takes', () => {
    const test = new TestConnection(
      {},
      Buffer.concat([preface, settings({ 4: 1 << 20 }), windowUpdate(0, 1 << 20)]),
    );
    test.socket.receive(request(1, 5));
    test.frames();
    const { stream } = test.sink;
    stream.sendHeaders(Buffer.alloc(40_000, 0x88));
    stream.sendData([Buffer.alloc(40_000)]);
    stream.end(someTrailers);
    test.socket.receive(settings());
    assert.deepEqual(
      test
        .frames()
        .map(({ type, flags, payload }) => [type, flags, payload.length])
        .slice(0, 6),
      [
        [1, 0, 16_384],
        [9, 0, 16_384],
        [9, 4, 7232],
        [0, 0, 16_384],
        [0, 0, 16_384],
        [0, 0, 7232],
      ],
    );
  });

  it('stops when the socket is full, and goes on when it has drained', async () => {
    const test = new TestConnection(
      { maxSocketBacklogBytes: 100_000 },
      Buffer.concat([preface, settings({ 4: 1 << 24 }), windowUpdate(0, 1 << 24)]),
    );
    test.frames();
    test.socket.stuck = true;
    test.socket.receive(request(1, 5));
    test.sink.stream.reply(blocks, Buffer.alloc(0), Buffer.alloc(1_000_000));
    test.socket.receive(settings());
    assert.ok(test.socket.writableLength < 150_000, `${test.socket.writableLength} bytes in the socket`);
    assert.ok(test.counters.heldBytes > 850_000);
    test.socket.unstick();
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(dataBytes(test), 1_000_000);
    assert.deepEqual(test.sink.events, ['end', 'done']);
  });

  it('stops reading from a peer that makes it answer and does not read', () => {
    const test = new TestConnection({ maxSocketBacklogBytes: 1000, floods: { ...unbounded } });
    test.socket.stuck = true;
    const pings = Buffer.concat(Array.from({ length: 20_000 }, () => frame(6, 0, 0, Buffer.alloc(8))));
    test.socket.receive(pings);
    assert.equal(test.socket.isPaused(), true);
    test.connection.destroy();
  });

  it('tells a peer without a header table that ours is empty, once, before the first block', () => {
    const test = new TestConnection({}, Buffer.concat([preface, settings({ 1: 0 })]));
    test.socket.receive(request(1, 5), request(3, 5));
    for (const { stream } of test.sinks) stream.reply(blocks, Buffer.alloc(0), Buffer.from('x'));
    test.socket.receive(settings());
    const [first, , second] = test.framesOf(1);
    assert.equal(first!.payload[0], 0x20);
    assert.equal(second!.payload[0], 0x88);
  });

  it('asks a client that still sends to stop, without an error, once its reply is complete', () => {
    const test = new TestConnection();
    test.socket.receive(request(1));
    test.sink.stream.reply(blocks, Buffer.alloc(0), Buffer.from('early'));
    test.socket.receive(frame(0, 0, 1, Buffer.from('still sending')), frame(0, 1, 1, Buffer.from('last')));
    const reset = test.framesOf(3);
    assert.deepEqual(
      reset.map(({ payload }) => payload.readUInt32BE(0)),
      [0],
    );
    assert.equal(test.failures.length, 0);
  });
});

const unbounded = {
  resets: Infinity,
  provokedResets: Infinity,
  pings: Infinity,
  settings: Infinity,
  priorities: Infinity,
  emptyData: Infinity,
  windowUpdates: Infinity,
  unknownFrames: Infinity,
};

describe('receiving', () => {
  it('gives window back to a stream when its sink has taken half of it', () => {
    const test = new TestConnection({ streamWindowBytes: 70_000 }, opening);
    test.socket.receive(request(1));
    test.frames();
    test.socket.receive(frame(0, 0, 1, Buffer.alloc(16_384)), frame(0, 0, 1, Buffer.alloc(16_384)));
    assert.equal(test.framesOf(8).length, 0);
    test.socket.receive(frame(0, 0, 1, Buffer.alloc(16_384)));
    assert.deepEqual(
      test.framesOf(8).map(({ streamId, payload }) => [streamId, payload.readUInt32BE(0)]),
      [[1, 49_152]],
    );
  });

  it('resets a stream that sends more than its window, and no other', () => {
    const test = new TestConnection({ streamWindowBytes: 20_000 });
    test.socket.receive(request(1), request(3));
    for (const sink of test.sinks) sink.credits = false;
    test.frames();
    test.socket.receive(frame(0, 0, 1, Buffer.alloc(16_384)), frame(0, 0, 1, Buffer.alloc(16_384)));
    assert.deepEqual(
      test.framesOf(3).map(({ streamId, payload }) => [streamId, payload.readUInt32BE(0)]),
      [[1, 3]],
    );
    assert.deepEqual(
      test.sinks.map(({ events }) => events),
      [['aborted'], []],
    );
  });

  it('fails a connection that sends more than its window', () => {
    const test = new TestConnection({ connectionWindowBytes: 65_535, streamWindowBytes: 1 << 20 });
    test.socket.receive(request(1), request(3));
    const part = frame(0, 8, 1, Buffer.alloc(16_384));
    test.frames();
    test.socket.receive(part, part);
    assert.deepEqual(
      test.framesOf(8).map(({ streamId }) => streamId),
      [0],
    );
    assert.equal(test.failures.length, 0);
  });

  it('counts padding against the window and gives it back', () => {
    const test = new TestConnection({ streamWindowBytes: 1000 });
    test.socket.receive(request(1));
    test.frames();
    const padding = Buffer.concat([Buffer.from([250]), Buffer.from('x'), Buffer.alloc(250)]);
    for (let sent = 0; sent < 20; sent++) test.socket.receive(frame(0, 8, 1, padding));
    assert.equal(test.sink.body.length, 20);
    assert.equal(
      test.framesOf(8).reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0) >= 4500,
      true,
    );
  });

  it('checks content-length against what arrived', () => {
    const test = new TestConnection();
    const block = (length: string): Buffer =>
      Buffer.concat([Buffer.from([0x83, 0x86, 0x84, 0x0f, 0x0d, length.length]), Buffer.from(length)]);
    test.socket.receive(frame(1, 4, 1, block('5')), frame(0, 1, 1, Buffer.from('12345')));
    test.socket.receive(frame(1, 4, 3, block('5')), frame(0, 1, 3, Buffer.from('1234')));
    test.socket.receive(frame(1, 5, 5, block('5')));
    assert.deepEqual(
      test.sinks.map(({ events }) => events),
      [['end'], ['aborted'], ['aborted']],
    );
    assert.deepEqual(
      test.framesOf(3).map(({ streamId, payload }) => [streamId, payload[3]]),
      [
        [3, 1],
        [5, 1],
      ],
    );
  });
});
