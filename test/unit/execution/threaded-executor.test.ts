import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServingError } from '../../../src/errors.ts';
import type { StuckRun } from '../../../src/execution/stuck-watch.ts';
import { ThreadedExecutor } from '../../../src/execution/threaded-executor.ts';
import { silentLogger } from '../../../src/inference/logger.ts';
import { mlpBatch } from '../../support/build-batch.ts';
import { FakeClock, settled } from '../../support/fake-clock.ts';
import { FakeSessionThread } from '../../support/fake-session-thread.ts';

const batch = mlpBatch(1);

function setUp() {
  const clock = new FakeClock();
  const threads = [new FakeSessionThread()];
  const stuck: StuckRun[] = [];
  const starts: (() => Promise<FakeSessionThread>)[] = [];
  const executor = new ThreadedExecutor(
    threads[0]!,
    async () => {
      const thread = await (starts.shift()?.() ?? Promise.resolve(new FakeSessionThread()));
      threads.push(thread);
      return thread;
    },
    {
      model: 'm',
      clock,
      logger: silentLogger,
      closeLimitMs: 1_000,
      stuckRunMs: 5_000,
      onStuckRun: (run) => stuck.push(run),
      random: () => 0,
    },
  );
  let idles = 0;
  executor.onIdle(() => {
    idles += 1;
  });
  return { clock, threads, starts, stuck, executor, idles: () => idles };
}

test('it is not idle while a batch runs, and says when it is again', async () => {
  const { executor, threads, idles } = setUp();
  const running = executor.run(batch);
  assert.deepEqual([executor.idle, idles()], [false, 0]);
  threads[0]!.finish();
  await running;
  assert.deepEqual([executor.idle, idles()], [true, 1]);
});

test('a second batch at once is refused as retryable', async () => {
  const { executor, threads } = setUp();
  const running = executor.run(batch);
  await assert.rejects(executor.run(batch), { code: 'unavailable' });
  threads[0]!.finish();
  await running;
});

test('a failed batch leaves it idle', async () => {
  const { executor, threads, idles } = setUp();
  const running = executor.run(batch);
  threads[0]!.fail(new ServingError('invalid_argument', 'no'));
  await assert.rejects(running, { code: 'invalid_argument' });
  assert.deepEqual([executor.idle, idles()], [true, 1]);
});

test('a crash fails the batch as retryable; the executor is back after 100 ms', async () => {
  const { executor, threads, clock, idles } = setUp();
  const running = executor.run(batch);
  threads[0]!.crash(new Error('out of memory'));
  await assert.rejects(running, { code: 'unavailable' });
  await clock.advanceSettling(99);
  assert.deepEqual([executor.idle, idles(), threads.length, executor.restarts], [false, 0, 1, 0]);
  await clock.advanceSettling(1);
  assert.deepEqual([executor.idle, idles(), threads.length, executor.restarts], [true, 1, 2, 1]);
});

test('a run that is given up fails, and another thread takes the place of its own, which is left behind', async () => {
  const { executor, threads, clock, idles } = setUp();
  const running = executor.run(batch);
  executor.abandon();
  await assert.rejects(running, { code: 'unavailable', reason: 'EXECUTOR_HUNG' });
  assert.deepEqual([executor.idle, threads[0]!.closeAsked], [false, true]);
  await clock.advanceSettling(100);
  assert.deepEqual([executor.idle, idles(), threads.length, executor.restarts], [true, 1, 2, 1]);
  threads[0]!.finish();
  await clock.advanceSettling(10_000);
  assert.deepEqual([executor.idle, threads.length], [true, 2]);
});

test('giving up does nothing while nothing runs', () => {
  const { executor, threads } = setUp();
  executor.abandon();
  assert.deepEqual([executor.idle, threads[0]!.closeAsked], [true, false]);
});

test('no more than two threads are left behind: a third takes the executor down until one of them ends', async () => {
  const { executor, threads, clock } = setUp();
  for (let i = 0; i < 3; i++) {
    const running = executor.run(batch);
    executor.abandon();
    await assert.rejects(running);
    await clock.advanceSettling(10_000);
  }
  assert.deepEqual([executor.idle, threads.length], [false, 3]);
  threads[1]!.finish();
  await clock.advanceSettling(10_000);
  assert.deepEqual([executor.idle, threads.length], [true, 4]);
});

test('closing does not wait for ever for a thread that was left behind', async () => {
  const { executor, clock, stuck } = setUp();
  const running = executor.run(batch);
  executor.abandon();
  await assert.rejects(running);
  const closed = executor[Symbol.asyncDispose]();
  await clock.advanceSettling(1_000);
  await closed;
  assert.deepEqual(
    stuck.map(({ abandoned }) => abandoned),
    [true],
  );
});

test('crashes in a row wait longer, a batch that succeeds starts over', async () => {
  const { executor, threads, clock } = setUp();
  threads[0]!.crash(new Error('1'));
  await clock.advanceSettling(100);
  threads[1]!.crash(new Error('2'));
  await clock.advanceSettling(199);
  assert.equal(threads.length, 2);
  await clock.advanceSettling(1);
  const running = executor.run(batch);
  threads[2]!.finish();
  await running;
  threads[2]!.crash(new Error('3'));
  await clock.advanceSettling(100);
  assert.equal(threads.length, 4);
});

test('a restart that fails is tried again later', async () => {
  const { executor, threads, clock, starts } = setUp();
  starts.push(() => Promise.reject(new ServingError('failed_precondition', 'file gone')));
  threads[0]!.crash(new Error('1'));
  await clock.advanceSettling(100);
  assert.equal(executor.idle, false);
  await clock.advanceSettling(200);
  assert.equal(executor.idle, true);
});

test('closing while a batch runs waits for it', async () => {
  const { executor, threads } = setUp();
  const running = executor.run(batch);
  let closed = false;
  const close = async () => {
    await executor[Symbol.asyncDispose]();
    closed = true;
  };
  const closing = close();
  await settled();
  assert.deepEqual([threads[0]!.closeAsked, closed, executor.idle], [true, false, false]);
  threads[0]!.finish();
  await running;
  await closing;
  assert.equal(executor.idle, false);
});

test('closing gives up on a run that does not end, reports it and leaves no timer', async () => {
  const { executor, stuck, clock } = setUp();
  void executor.run(batch);
  await clock.advanceSettling(10);
  const closing = executor[Symbol.asyncDispose]();
  await clock.advanceSettling(1_000);
  await closing;
  assert.deepEqual(stuck, [{ model: 'm', runningMs: 1_010, abandoned: true }]);
  assert.equal(clock.pending, 0);
});

test('closing while a restart waits ends the wait', async () => {
  const { executor, threads, clock } = setUp();
  threads[0]!.crash(new Error('1'));
  await executor[Symbol.asyncDispose]();
  assert.deepEqual([clock.pending, threads.length], [0, 1]);
});

test('closing while a thread starts waits for it and ends it', async () => {
  const { executor, threads, clock, starts } = setUp();
  const started = Promise.withResolvers<FakeSessionThread>();
  starts.push(() => started.promise);
  threads[0]!.crash(new Error('1'));
  await clock.advanceSettling(100);
  const closing = executor[Symbol.asyncDispose]();
  const late = new FakeSessionThread();
  started.resolve(late);
  await closing;
  assert.deepEqual([late.closeAsked, executor.idle], [true, false]);
});

test('a long run is reported while it goes on', async () => {
  const { executor, threads, clock, stuck } = setUp();
  const running = executor.run(batch);
  await clock.advanceSettling(5_000);
  assert.deepEqual(stuck, [{ model: 'm', runningMs: 5_000, abandoned: false }]);
  threads[0]!.finish();
  await running;
  assert.equal(executor.idle, true);
});

test('short runs one after the other are not taken for a long one', async () => {
  const { executor, threads, clock, stuck } = setUp();
  for (let run = 0; run < 10; run += 1) {
    const running = executor.run(batch);
    await clock.advanceSettling(1_000);
    threads[0]!.finish();
    await running;
  }
  assert.deepEqual(stuck, []);
});
