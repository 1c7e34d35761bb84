import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import { ServingError } from '../../../src/errors.ts';
import { BatchingBench } from '../../support/batching-bench.ts';
import { buildRequest } from '../../support/build-request.ts';
import { buildTensorSpec, callAt } from '../../support/build-target.ts';
import { settled } from '../../support/fake-clock.ts';

const event = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('send' as const),
      size: fc.integer({ min: 1, max: 40 }),
      rows: fc.integer({ min: 1, max: 4 }),
      slackMs: fc.constantFrom(5, 30, 200, Infinity),
      priority: fc.integer({ min: 0, max: 2 }),
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
  priorityLevels: fc.constantFrom(0, 2),
  maxQueueDelayMicroseconds: fc.constantFrom(0, 5_000),
  preferredBatchSizes: fc.constantFrom([], [4]),
  padTo: fc.constantFrom('longest' as const, 'bucket' as const),
  buckets: fc.constantFrom(undefined, [4, 32]),
});

test('under deadlines, priorities and cancellation every request of any size is answered once, and nothing stays behind', async () => {
  await fc.assert(
    fc.asyncProperty(settings, fc.array(event, { maxLength: 40 }), async (given, events) => {
      const { padTo, buckets, ...scheduling } = given;
      const bench = new BatchingBench({
        executors: 2,
        spec: {
          inputs: [buildTensorSpec('x', { dims: [-1] })],
          outputs: [buildTensorSpec('y', { dims: [-1] })],
        },
        scheduling: {
          ...scheduling,
          defaultPriorityLevel: scheduling.priorityLevels === 0 ? 0 : 1,
          padding: [
            {
              buckets,
              padTo,
              inputs: [{ name: 'x', axis: 1, fill: new Uint8Array(4) }],
              outputs: [{ name: 'y', axes: [1] }],
              maskInput: '',
              lengthInput: '',
            },
          ],
        },
      });
      const calls: ReturnType<typeof callAt>[] = [];
      const answers: Promise<string>[] = [];
      const send = (size: number, rows: number, deadline: number, priority: number): void => {
        const values = Float32Array.from({ length: size * rows }, (_, at) => answers.length * 1_000 + at);
        const x = {
          name: 'x',
          datatype: 'FP32',
          shape: [rows, size],
          data: new Uint8Array(values.buffer),
        } as const;
        const call = callAt(bench.clock.now(), { deadline });
        calls.push(call);
        const answer = bench.batcher.submit(
          bench.target,
          buildRequest({ inputs: [x], parameters: { priority } }),
          call,
        );
        answers.push(
          answer.then(
            ({ outputs: [y] }) => {
              assert.deepEqual(y!.shape, x.shape);
              assert.ok(Buffer.from(y!.data).equals(x.data));
              return 'answered';
            },
            (error: unknown) => ServingError.from(error).code,
          ),
        );
      };
      for (const happening of events) {
        if (happening.kind === 'send') {
          send(happening.size, happening.rows, bench.clock.now() + happening.slackMs, happening.priority);
        } else if (happening.kind === 'advance') bench.clock.advance(happening.ms);
        else if (happening.kind === 'cancel') calls[happening.pick % Math.max(1, calls.length)]?.cancel();
        else if (bench.executors[happening.executor]!.running !== undefined) {
          bench.executors[happening.executor]!.finish();
        }
        await settled();
      }
      for (let turn = 0; turn < 200; turn++) {
        bench.clock.advance(10);
        for (const executor of bench.executors) if (executor.running !== undefined) executor.finish();
        await settled();
      }
      const allowed = new Set(['answered', 'cancelled', 'deadline_exceeded', 'resource_exhausted']);
      for (const outcome of await Promise.all(answers)) assert.ok(allowed.has(outcome), outcome);
      const [left] = bench.batcher.inspect();
      if (left === undefined) return;
      assert.deepEqual([left.queuedRequests, left.queuedRows, left.queuedBytes, left.lanes], [0, 0, 0, 0]);
      for (const { batches } of bench.executors) {
        for (const { rows } of batches) assert.ok(rows <= 8);
      }
    }),
    { numRuns: 80 },
  );
});
