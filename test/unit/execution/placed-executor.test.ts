import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InlineExecutor } from '../../../src/execution/inline-executor.ts';
import { PlacedExecutor } from '../../../src/execution/placed-executor.ts';
import type { PlacementOptions } from '../../../src/execution/placed-executor.ts';
import { PlacementPolicy, placementLimits } from '../../../src/execution/placement-policy.ts';
import { ThreadedExecutor } from '../../../src/execution/threaded-executor.ts';
import { silentLogger } from '../../../src/inference/logger.ts';
import { buildBatch, buildInput, mlpBatch } from '../../support/build-batch.ts';
import { inlineExecutorTaking } from '../../support/fake-session.ts';
import { FakeClock, settled } from '../../support/fake-clock.ts';
import { FakeSessionThread } from '../../support/fake-session-thread.ts';

const batch = mlpBatch(1);

/** @param second takes the place of a thread that is lost. */
function threadedBy(
  thread: FakeSessionThread,
  clock: FakeClock,
  second?: FakeSessionThread,
): ThreadedExecutor {
  const restart = async (): Promise<FakeSessionThread> => {
    if (second === undefined) throw new Error('no restart expected');
    return second;
  };
  return new ThreadedExecutor(thread, restart, {
    model: 'm',
    clock,
    logger: silentLogger,
    closeLimitMs: 1_000,
    stuckRunMs: 5_000,
    onStuckRun: () => undefined,
  });
}

function setUp(overrides: Partial<PlacementOptions> = {}) {
  const clock = new FakeClock();
  const thread = new FakeSessionThread();
  const cost = { ms: 0.1 };
  const later = { thread: new FakeSessionThread(), opened: 0 };
  const executor = new PlacedExecutor(threadedBy(thread, clock), {
    model: 'm',
    logger: silentLogger,
    policy: new PlacementPolicy(placementLimits(1)),
    openInline: async () => inlineExecutorTaking(clock, () => cost.ms),
    openThread: async () => {
      later.opened += 1;
      return threadedBy(later.thread, clock);
    },
    ...overrides,
  });
  let idles = 0;
  executor.onIdle(() => {
    idles += 1;
  });
  const runOnThread = async (inferMs: number, cpuMs?: number) => {
    const running = executor.run(batch);
    thread.finish(inferMs, cpuMs);
    return running;
  };
  return { executor, thread, cost, later, runOnThread, idles: () => idles };
}

test('cheap runs move it inline, and the thread ends', async () => {
  const { executor, thread, runOnThread } = setUp();
  for (let run = 0; run < 3; run += 1) await runOnThread(0.1);
  assert.deepEqual([executor.inline, executor.idle, thread.closeAsked], [true, true, true]);
  assert.equal((await executor.run(batch)).inferMs, 0.1);
});

test('runs that were slow because others had the core count as cheap', async () => {
  const { executor, runOnThread } = setUp();
  for (let run = 0; run < 3; run += 1) await runOnThread(20, 0.1);
  assert.equal(executor.inline, true);
});

test('it is not idle while it moves, and says when it is', async () => {
  const opening = Promise.withResolvers<InlineExecutor | undefined>();
  const { executor, thread, runOnThread, idles } = setUp({ openInline: () => opening.promise });
  await runOnThread(0.1);
  await runOnThread(0.1);
  const third = executor.run(batch);
  thread.finish(0.1);
  await settled();
  assert.deepEqual([executor.idle, idles()], [false, 2]);
  opening.resolve(undefined);
  await third;
  assert.deepEqual([executor.idle, executor.inline, idles()], [true, false, 3]);
});

test('dear runs stay on the thread', async () => {
  const { executor, runOnThread } = setUp();
  for (let run = 0; run < 10; run += 1) await runOnThread(1.5);
  assert.equal(executor.inline, false);
});

test('an inline session that cannot be opened leaves it on its thread for good', async () => {
  let tries = 0;
  const { executor, runOnThread } = setUp({
    openInline: () => {
      tries += 1;
      return Promise.reject(new Error('no memory'));
    },
  });
  for (let run = 0; run < 6; run += 1) await runOnThread(0.1);
  assert.deepEqual([executor.inline, executor.idle, tries], [false, true, 1]);
});

test('inline runs grown dear move it to a new thread, while it keeps answering inline', async () => {
  const { executor, cost, later, runOnThread } = setUp();
  for (let run = 0; run < 3; run += 1) await runOnThread(0.1);
  cost.ms = 30;
  let inlineRuns = 0;
  for (; executor.inline && inlineRuns < 100; inlineRuns += 1)
    assert.equal((await executor.run(batch)).inferMs, 30);
  assert.deepEqual([executor.inline, later.opened], [false, 1]);
  const running = executor.run(batch);
  later.thread.finish(30);
  assert.equal((await running).inferMs, 30);
});

test('restarts of a thread that was left stay counted', async () => {
  const clock = new FakeClock();
  const [first, second] = [new FakeSessionThread(), new FakeSessionThread()];
  const executor = new PlacedExecutor(threadedBy(first, clock, second), {
    model: 'm',
    logger: silentLogger,
    policy: new PlacementPolicy(placementLimits(1)),
    openInline: async () => inlineExecutorTaking(clock, () => 0.1),
    openThread: () => Promise.reject(new Error('no move expected')),
  });
  first.crash(new Error('gone'));
  await clock.advanceSettling(150);
  assert.deepEqual([executor.inline, executor.restarts], [false, 1]);
  for (let run = 0; run < 3; run += 1) {
    const running = executor.run(batch);
    second.finish(0.1);
    await running;
  }
  assert.deepEqual([executor.inline, executor.restarts], [true, 1]);
});

test('a failed batch on the thread is told and leaves it idle', async () => {
  const { executor, thread, idles } = setUp();
  const running = executor.run(batch);
  thread.crash(new Error('gone'));
  await assert.rejects(running, { code: 'unavailable' });
  assert.deepEqual([executor.idle, idles()], [false, 0]);
  await executor[Symbol.asyncDispose]();
});

test('closing ends wherever it is', async () => {
  const { executor, runOnThread } = setUp();
  for (let run = 0; run < 3; run += 1) await runOnThread(0.1);
  await executor[Symbol.asyncDispose]();
  assert.equal(executor.idle, false);
  await assert.rejects(executor.run(batch), { code: 'unavailable' });
});

/** @param count empty texts. */
function textBatch(count: number) {
  return buildBatch([buildInput('x', 'BYTES', [1, count], [new Uint8Array(4 * count)])]);
}

test('a batch of very many texts holds nobody up: it runs on a new thread, whatever the model cost so far', async () => {
  const { executor, later, runOnThread, idles } = setUp();
  for (let run = 0; run < 3; run += 1) await runOnThread(0.1);
  const many = textBatch(70_000);
  assert.deepEqual([executor.inline, executor.computesInline(many)], [true, false]);
  const [before, running] = [idles(), executor.run(many)];
  assert.equal(executor.idle, false);
  await settled();
  assert.deepEqual([executor.inline, executor.idle, later.opened, idles()], [false, false, 1, before]);
  later.thread.finish(2_000);
  assert.equal((await running).inferMs, 2_000);
  assert.deepEqual([executor.idle, idles() > before], [true, true]);
});

test('a batch of some texts, and of many numbers, stays inline', async () => {
  const { executor, runOnThread } = setUp();
  for (let run = 0; run < 3; run += 1) await runOnThread(0.1);
  const numbers = buildBatch([buildInput('x', 'FP32', [1, 70_000], [new Uint8Array(280_000)])]);
  assert.deepEqual(
    [executor.computesInline(textBatch(60_000)), executor.computesInline(numbers)],
    [true, true],
  );
});

test('where no thread can be had, a batch of very many texts is computed all the same', async () => {
  const { executor, runOnThread } = setUp({ openThread: () => Promise.reject(new Error('no memory')) });
  for (let run = 0; run < 3; run += 1) await runOnThread(0.1);
  await assert.doesNotReject(executor.run(mlpBatch(1)));
  const many = textBatch(70_000);
  // The fake session has one input of numbers, whose name is the same.
  assert.equal((await executor.run(many)).outputs.length, 1);
  assert.deepEqual([executor.inline, executor.idle, executor.computesInline(many)], [true, true, true]);
});
