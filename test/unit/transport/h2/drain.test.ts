import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { okHeaders, someTrailers, TestConnection } from '../../../support/h2-connection.ts';
import { frame, request, type Frame } from '../../../support/h2-frames.ts';

const ack = frame(4, 1, 0);
const blocks = { headers: okHeaders, trailers: someTrailers };

function settledConnection(limits: ConstructorParameters<typeof TestConnection>[0] = {}): TestConnection {
  const test = new TestConnection(limits);
  test.socket.receive(ack);
  test.frames();
  return test;
}

/** Lets what was scheduled for the end of the tick be written. */
function endOfTick(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}

function goAways(frames: readonly Frame[]): [number, number][] {
  return frames
    .filter(({ type }) => type === 7)
    .map(({ payload }) => [payload.readUInt32BE(0), payload.readUInt32BE(4)]);
}

describe('draining a connection', () => {
  it('announces, still takes what was under way, then names the last stream and refuses the next', async () => {
    const test = settledConnection();
    test.socket.receive(request(1, 5));
    test.connection.drain(10_000);
    await endOfTick();
    const announced = test.frames();
    assert.deepEqual(goAways(announced), [[0x7fff_ffff, 0]]);
    const probe = announced.find(({ type }) => type === 6);
    test.socket.receive(request(3, 5));
    assert.equal(test.sinks.length, 2);
    test.socket.receive(frame(6, 1, 0, probe!.payload));
    assert.deepEqual(goAways(test.frames()), [[3, 0]]);
    test.socket.receive(request(5, 5));
    assert.deepEqual(
      test.framesOf(3).map(({ streamId, payload }) => [streamId, payload[3]]),
      [[5, 7]],
    );
    assert.equal(test.sinks.length, 2);
  });

  it('names the last stream after a second also to a peer that does not answer', async () => {
    const test = settledConnection();
    test.socket.receive(request(1, 5));
    test.connection.drain(10_000);
    test.pass(1000);
    await endOfTick();
    assert.deepEqual(goAways(test.frames()).at(-1), [1, 0]);
  });

  it('closes when the last stream has been answered, after all of its reply', () => {
    const test = settledConnection();
    test.socket.receive(request(1, 5));
    test.connection.drain(10_000);
    test.pass(1000);
    test.sink.stream.reply(blocks, Buffer.alloc(0), Buffer.from('last words'));
    assert.equal(test.socket.writableEnded, true);
    assert.deepEqual(
      test
        .frames()
        .slice(-3)
        .map(({ type }) => type),
      [1, 0, 1],
    );
    test.pass(1000);
    assert.equal(test.isGone, true);
  });

  it('cuts off what is still open after the grace', () => {
    const test = settledConnection();
    test.socket.receive(request(1, 5));
    test.connection.drain(3000);
    test.pass(2999);
    assert.deepEqual(test.sink.events, ['end']);
    test.pass(1);
    assert.deepEqual(test.sink.events, ['end', 'aborted']);
    assert.equal(test.isGone, true);
  });

  it('happens to connections that have been idle, or are old within a tenth', () => {
    const idle = settledConnection({ maxIdleMs: 500 });
    idle.pass(499);
    assert.equal(idle.counters.limitHits.idle, 0);
    idle.pass(1);
    assert.equal(idle.counters.limitHits.idle, 1);
    const old = settledConnection({ maxAgeMs: 1000 });
    old.socket.receive(request(1, 5));
    old.pass(899);
    assert.equal(old.counters.limitHits.age, 0);
    old.pass(202);
    assert.equal(old.counters.limitHits.age, 1);
  });

  it('aborts streams when the peer goes', () => {
    const test = settledConnection();
    test.socket.receive(request(1, 5));
    test.socket.destroy();
    test.socket.emit('close');
    assert.deepEqual(test.sink.events, ['end', 'aborted']);
    assert.equal(test.isGone, true);
  });
});
