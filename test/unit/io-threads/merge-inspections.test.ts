import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TargetInspection } from '../../../src/batching/inspection.ts';
import { mergeInspections } from '../../../src/io-threads/merge-inspections.ts';
import { buildBreakerReading, buildCacheReading } from '../../support/build-reading.ts';

const noRefusals: TargetInspection['refused'] = {
  WAIT_EXCEEDS_DEADLINE: 0,
  DEADLINE_UNREACHABLE: 0,
  QUEUE_ROWS_EXCEEDED: 0,
  QUEUE_REQUESTS_EXCEEDED: 0,
  QUEUE_BYTES_EXCEEDED: 0,
  QUEUE_WORK_EXCEEDED: 0,
  PREEMPTED: 0,
  MODEL_QUEUE_FULL: 0,
  QUEUE_TIMEOUT: 0,
  NO_INSTANCE: 0,
  MODEL_BREAKER_OPEN: 0,
  REQUEST_QUARANTINED: 0,
};

function inspection(overrides: Partial<TargetInspection> = {}): TargetInspection {
  return {
    model: 'm',
    version: '1',
    digest: 'd',
    batchingOffReason: '',
    paddingOffReason: '',
    queuedRequests: 1,
    queuedRows: 2,
    queuedBytes: 3,
    oldestMs: 4,
    lanes: 1,
    runningBatches: 1,
    knees: [],
    curves: [],
    closed: { slot_free: 1, full: 2, deadline: 3, delay: 4, preferred_size: 5 },
    refused: { ...noRefusals, PREEMPTED: 1 },
    restarts: 2,
    breaker: buildBreakerReading({ opened: 1 }),
    batchSizes: [],
    ...overrides,
  };
}

test('what waits and runs adds up; the oldest wait is the longest', () => {
  const [merged, ...rest] = mergeInspections([
    [inspection({ oldestMs: 4 })],
    [inspection({ oldestMs: 9, queuedRequests: 10 })],
    [],
  ]);
  assert.deepEqual(rest, []);
  assert.deepEqual(
    merged,
    inspection({
      oldestMs: 9,
      queuedRequests: 11,
      queuedRows: 4,
      queuedBytes: 6,
      lanes: 2,
      runningBatches: 2,
      closed: { slot_free: 2, full: 4, deadline: 6, delay: 8, preferred_size: 10 },
      refused: { ...noRefusals, PREEMPTED: 2 },
      restarts: 4,
      breaker: buildBreakerReading({ opened: 2 }),
    }),
  );
});

test('versions, and contents of one version, are told apart', () => {
  const merged = mergeInspections([
    [inspection(), inspection({ version: '2' })],
    [inspection({ digest: 'other' }), inspection({ model: 'n' })],
  ]);
  assert.equal(merged.length, 4);
});

test('costs are weighted by their samples, and sizes that one thread saw alone stay', () => {
  const [merged] = mergeInspections([
    [
      inspection({
        knees: [{ sizeClass: 3, rows: 8 }],
        curves: [{ sizeClass: 3, costs: [{ rows: 4, ms: 1, samples: 1 }] }],
        batchSizes: [{ rows: 4, batches: 1 }],
      }),
    ],
    [
      inspection({
        batchingOffReason: 'rows differ',
        knees: [
          { sizeClass: 3, rows: 16 },
          { sizeClass: 5, rows: 2 },
        ],
        curves: [
          {
            sizeClass: 3,
            costs: [
              { rows: 1, ms: 0.5, samples: 2 },
              { rows: 4, ms: 2, samples: 3 },
            ],
          },
        ],
        batchSizes: [
          { rows: 1, batches: 2 },
          { rows: 4, batches: 3 },
        ],
      }),
    ],
  ]);
  assert.equal(merged?.batchingOffReason, 'rows differ');
  assert.deepEqual(merged.knees, [
    { sizeClass: 3, rows: 16 },
    { sizeClass: 5, rows: 2 },
  ]);
  assert.deepEqual(merged.curves, [
    {
      sizeClass: 3,
      costs: [
        { rows: 1, ms: 0.5, samples: 2 },
        { rows: 4, ms: 1.75, samples: 4 },
      ],
    },
  ]);
  assert.deepEqual(merged.batchSizes, [
    { rows: 1, batches: 2 },
    { rows: 4, batches: 4 },
  ]);
});

test('caches of threads add up, and their means are weighted by what was looked up', () => {
  const busy = buildCacheReading({
    requests: { hit: 3, stale: 0, joined: 0, shared: 0, miss: 0 },
    computeMs: 1,
    entries: 2,
  });
  const idle = buildCacheReading({
    requests: { hit: 0, stale: 0, joined: 0, shared: 0, miss: 1 },
    computeMs: 5,
    entries: 1,
  });
  const [merged] = mergeInspections([
    [inspection({ cache: busy })],
    [inspection({ cache: idle })],
    [inspection()],
  ]);
  assert.deepEqual(merged?.cache?.requests, { hit: 3, stale: 0, joined: 0, shared: 0, miss: 1 });
  assert.deepEqual([merged?.cache?.computeMs, merged?.cache?.entries], [2, 3]);
});

test('a cache that is off in one thread says why for all', () => {
  const on = inspection({ cache: buildCacheReading() });
  const off = inspection({ cache: buildCacheReading({ offReason: 'does_not_pay' }) });
  assert.equal(mergeInspections([[on], [off]])[0]?.cache?.offReason, 'does_not_pay');
});
