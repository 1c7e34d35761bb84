import assert from 'node:assert/strict';
import { test } from 'node:test';
import { batchChannel, type BatchRun } from '../../../src/inference/batch-channel.ts';
import { BatchingBench } from '../../support/batching-bench.ts';
import { settled } from '../../support/fake-clock.ts';

/** What is published while it is not disposed. */
class Listener implements Disposable {
  readonly runs: BatchRun[] = [];
  readonly #onRun = (message: unknown): void => void this.runs.push(message as BatchRun);

  constructor() {
    batchChannel.subscribe(this.#onRun);
  }

  [Symbol.dispose](): void {
    batchChannel.unsubscribe(this.#onRun);
  }
}

test('who listens is told of each batch, with its requests and times, before they are answered', async () => {
  using listener = new Listener();
  const bench = new BatchingBench();
  bench.send(1, 1);
  await settled();
  bench.send(1, 2);
  bench.send(2, 3);
  bench.clock.advance(7);
  const endedBefore: number[] = [];
  const count = (): void => void endedBefore.push(bench.ended.length);
  batchChannel.subscribe(count);
  await bench.finish();
  await bench.finish();
  batchChannel.unsubscribe(count);
  assert.deepEqual(
    listener.runs.map(({ model, rows, calls, startedAt, endedAt, parts, error }) => ({
      model,
      rows,
      waits: calls.map(({ queuedAt }) => startedAt - queuedAt),
      tookMs: endedAt - startedAt,
      inferMs: parts?.inferMs,
      error,
    })),
    [
      { model: 'm', rows: 1, waits: [0], tookMs: 7, inferMs: 1, error: undefined },
      { model: 'm', rows: 3, waits: [7, 7], tookMs: 0, inferMs: 1, error: undefined },
    ],
  );
  assert.deepEqual(endedBefore, [0, 1]);
});

test('nobody is told once nobody listens', async () => {
  const listener = new Listener();
  listener[Symbol.dispose]();
  const bench = new BatchingBench();
  bench.send(1, 1);
  await settled();
  await bench.finish();
  assert.equal(bench.ended.length, 1);
  assert.deepEqual(listener.runs, []);
});
