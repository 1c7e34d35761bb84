import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ThreadPool, type PooledThread } from '../../../src/io-threads/thread-pool.ts';
import { FakeClock, settled } from '../../support/fake-clock.ts';
import { Latch } from '../../support/latch.ts';
import { RecordingLogger } from '../../support/recording-logger.ts';

/** Lives until a test, or its pool, ends it. */
class PuppetThread implements PooledThread {
  readonly index: number;
  readonly exited: Promise<unknown>;
  readonly lose: (cause: unknown) => void;
  lost = false;
  serving = false;

  constructor(index: number) {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    this.index = index;
    this.exited = promise;
    this.lose = (cause) => {
      this.lost = true;
      this.serving = false;
      resolve(cause);
    };
  }

  async unlessLost<T>(answer: Promise<T>): Promise<T | undefined> {
    return this.lost ? undefined : answer;
  }

  end(): void {
    this.lose('told to');
  }
}

/** Longer than the longest pause before a restart. */
const longEnoughMs = 20_000;

class Scene {
  readonly clock = new FakeClock();
  readonly logger = new RecordingLogger();
  readonly started: PuppetThread[] = [];
  readonly lost: number[] = [];
  /** What a thread that stands in for another meets when it opens the models. */
  openModels = (): Promise<void> => Promise.resolve();
  readonly pool = new ThreadPool<PuppetThread>({
    size: 2,
    clock: this.clock,
    logger: this.logger,
    start: (index) => {
      const thread = new PuppetThread(index);
      this.started.push(thread);
      return thread;
    },
    openModels: () => this.openModels(),
    serve: async (thread) => {
      thread.serving = true;
    },
    onLost: (index) => void this.lost.push(index),
  });

  /** The newest thread of that index. */
  newest(index: number): PuppetThread {
    const thread = this.started.findLast((one) => one.index === index);
    assert.ok(thread !== undefined);
    return thread;
  }

  async lose(index: number): Promise<void> {
    this.newest(index).lose(new Error('crashed'));
    await settled();
  }
}

test('a lost thread gives back what it held, and another takes its place after a pause', async () => {
  const scene = new Scene();
  scene.pool.allServe();
  await scene.lose(1);
  assert.deepEqual(scene.lost, [1]);
  assert.deepEqual(scene.pool.alive(), [scene.newest(0)]);
  assert.equal(scene.pool.restarts, 0);
  await scene.clock.advanceSettling(longEnoughMs);
  assert.equal(scene.started.length, 3);
  assert.deepEqual(scene.pool.serving(), [scene.newest(0), scene.newest(1)]);
  assert.equal(scene.pool.restarts, 1);
});

test('a thread that stands in serves only once it has all models', async () => {
  const scene = new Scene();
  const opened = new Latch();
  scene.openModels = () => opened.opened;
  scene.pool.allServe();
  await scene.lose(0);
  await scene.clock.advanceSettling(longEnoughMs);
  assert.deepEqual([scene.pool.alive().length, scene.pool.serving().length], [2, 1]);
  opened.open();
  await settled();
  assert.equal(scene.pool.serving().length, 2);
});

test('one that cannot have all models is ended, and the next one is tried', async () => {
  const scene = new Scene();
  let failures = 1;
  scene.openModels = async () => {
    if (failures-- > 0) throw new Error('no memory');
  };
  scene.pool.allServe();
  await scene.lose(0);
  await scene.clock.advanceSettling(longEnoughMs);
  await scene.clock.advanceSettling(longEnoughMs);
  assert.equal(scene.pool.serving().length, 2);
  assert.equal(scene.pool.restarts, 1);
  assert.ok(scene.logger.lines.some(({ message }) => message === 'an I/O thread could not be replaced'));
});

for (const [when, bring] of [
  ['before all serve', () => undefined],
  ['during a drain', (pool) => pool.drain()],
] satisfies [string, (pool: ThreadPool<PuppetThread>) => void][]) {
  test(`a thread that is lost ${when} is not replaced`, async () => {
    const scene = new Scene();
    bring(scene.pool);
    await scene.lose(0);
    assert.equal(scene.clock.pending, 0);
    assert.equal(scene.pool.alive().length, 1);
  });
}

test('a drain gives up the threads that wait to be replaced, and those that were about to serve', async () => {
  const scene = new Scene();
  const opened = new Latch();
  scene.openModels = () => opened.opened;
  scene.pool.allServe();
  await scene.lose(0);
  await scene.clock.advanceSettling(longEnoughMs);
  await scene.lose(1);
  scene.pool.drain();
  opened.open();
  await settled();
  assert.equal(scene.clock.pending, 0);
  assert.deepEqual(scene.pool.serving(), []);
});

test('who asks all threads hears nothing of those that are lost meanwhile', async () => {
  const scene = new Scene();
  scene.newest(1).lost = true;
  assert.deepEqual(await scene.pool.askAll(async ({ index }) => index), [0]);
});

test('a pool ends when its threads have ended, and replaces none of them', async () => {
  const scene = new Scene();
  scene.pool.allServe();
  await scene.pool[Symbol.asyncDispose]();
  assert.deepEqual(scene.lost, [0, 1]);
  assert.deepEqual(scene.pool.alive(), []);
  assert.equal(scene.clock.pending, 0);
});
