import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import { BatchingBench } from '../../support/batching-bench.ts';
import { principalNamed } from '../../support/build-target.ts';
import { settled } from '../../support/fake-clock.ts';

const event = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('send' as const),
      rows: fc.integer({ min: 1, max: 8 }),
      slackMs: fc.constantFrom(5, 20, 100, 3_000, Infinity),
      principal: fc.constantFrom('a', 'b'),
      priority: fc.integer({ min: 0, max: 3 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('finish' as const), executor: fc.nat({ max: 1 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 40 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel' as const), pick: fc.nat() }) },
);

const settings = fc.record({
  preserveOrdering: fc.boolean(),
  priorityLevels: fc.constantFrom(0, 3),
  maxQueueDelayMicroseconds: fc.constantFrom(0, 5_000),
  preferredBatchSizes: fc.constantFrom([], [4]),
});

const queuedBytes = 40 * 8;

test('whatever happens, every request is answered once, with its own rows, within the bounds', async () => {
  await fc.assert(
    fc.asyncProperty(settings, fc.array(event, { maxLength: 40 }), async (scheduling, events) => {
      const bench = new BatchingBench({
        executors: 2,
        scheduling: { ...scheduling, defaultPriorityLevel: scheduling.priorityLevels === 0 ? 0 : 2 },
        limits: { queuedBytes, queuedRequests: 12 },
      });
      const calls: ReturnType<BatchingBench['send']>[] = [];
      const rowsOf = new Map<string, number>();
      for (const happening of events) {
        switch (happening.kind) {
          case 'send': {
            const first = calls.length * 10;
            rowsOf.set(String(first), happening.rows);
            calls.push(
              bench.send(happening.rows, first, {
                deadline: bench.clock.now() + happening.slackMs,
                principal: principalNamed(happening.principal),
                parameters: { priority: happening.priority },
              }),
            );
            break;
          }
          case 'finish':
            if (bench.executors[happening.executor]!.running !== undefined) {
              bench.executors[happening.executor]!.finish();
            }
            break;
          case 'advance':
            bench.clock.advance(happening.ms);
            break;
          case 'cancel':
            calls[happening.pick % Math.max(1, calls.length)]?.cancel();
            break;
        }
        await settled();
        const [inspection] = bench.batcher.inspect();
        if (inspection !== undefined) {
          assert.ok(inspection.queuedBytes <= queuedBytes);
          assert.ok(inspection.queuedRequests <= 12 + 16, 'twelve, and a prepared batch');
        }
      }
      await drain(bench);
      for (const { rows } of bench.executors.flatMap((executor) => executor.batches)) assert.ok(rows <= 8);
      assert.equal(bench.ended.length, calls.length);
      assert.equal(new Set(bench.ended.map(({ label }) => label)).size, calls.length);
      for (const { label, outcome } of bench.ended) {
        if (typeof outcome === 'string') continue;
        const expected = Array.from({ length: rowsOf.get(label)! }, (_, row) => Number(label) + row);
        assert.deepEqual(outcome, expected);
      }
      if (scheduling.preserveOrdering) {
        const order = bench.ended.map(({ label }) => Number(label));
        assert.deepEqual(
          order,
          order.toSorted((a, b) => a - b),
        );
      }
    }),
    { numRuns: 60 },
  );
});

/** Lets everything run to its end. */
async function drain(bench: BatchingBench): Promise<void> {
  for (let round = 0; round < 200; round++) {
    for (const executor of bench.executors) if (executor.running !== undefined) executor.finish();
    bench.clock.advance(10);
    await settled();
    if (bench.executors.every((executor) => executor.running === undefined) && bench.inspection === undefined)
      return;
    if (
      bench.batcher
        .inspect()
        .every(({ queuedRequests, runningBatches }) => queuedRequests + runningBatches === 0)
    ) {
      return;
    }
  }
}
