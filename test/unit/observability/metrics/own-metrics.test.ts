import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writeFamilies } from '../../../../src/observability/metrics/exposition.ts';
import { breakerMetrics } from '../../../../src/observability/metrics/breaker-metrics.ts';
import { readFamily, type Metric } from '../../../../src/observability/metrics/metric.ts';
import { modelMetrics } from '../../../../src/observability/metrics/model-metrics.ts';
import { queueMetrics } from '../../../../src/observability/metrics/queue-metrics.ts';
import { serverMetrics } from '../../../../src/observability/metrics/server-metrics.ts';
import type { ServerReading } from '../../../../src/observability/metrics/server-reading.ts';
import {
  buildBreakerReading,
  buildQueue,
  buildReading,
  buildRuntime,
  buildThread,
  buildTransport,
  buildVersion,
} from '../../../support/build-reading.ts';

/** Samples whose names and labels match. */
function samples(metrics: readonly Metric[], reading: Partial<ServerReading>, pattern: RegExp): string[] {
  const families = metrics.map((metric) => readFamily(metric, buildReading(reading)));
  const text = [...writeFamilies(families, 'prometheus', 100)].join('');
  return text.split('\n').filter((line) => !line.startsWith('#') && pattern.test(line));
}

test('readings of the configuration are told by result, where it is read again', () => {
  assert.deepEqual(samples(serverMetrics, {}, /reloads/), []);
  assert.deepEqual(samples(serverMetrics, { configReloads: { success: 2, failure: 1 } }, /reloads/), [
    'tensorgate_config_reloads_total{result="success"} 2',
    'tensorgate_config_reloads_total{result="failure"} 1',
  ]);
});

test('requests are told by model, version and front, and fronts that were not used are left out', () => {
  const version = buildVersion({
    use(statistics) {
      statistics.recordSuccess(0.15, 'grpc');
      statistics.recordSuccess(150, 'grpc');
      statistics.recordFailure(1, 'REJECTED', 'http');
    },
  });
  const told = samples(modelMetrics, { versions: [version] }, /request/);
  assert.deepEqual(
    told.filter((line) => /_(count|sum|total)\{|le="(0.0002|0.2|\+Inf)"/.test(line)),
    [
      'tensorgate_request_duration_seconds_count{model="m",version="1",front="grpc"} 2',
      'tensorgate_request_duration_seconds_sum{model="m",version="1",front="grpc"} 0.15015',
      'tensorgate_request_duration_seconds_bucket{model="m",version="1",front="grpc",le="0.0002"} 1',
      'tensorgate_request_duration_seconds_bucket{model="m",version="1",front="grpc",le="0.2"} 2',
      'tensorgate_request_duration_seconds_bucket{model="m",version="1",front="grpc",le="+Inf"} 2',
      'tensorgate_request_duration_seconds_count{model="m",version="1",front="http"} 0',
      'tensorgate_request_duration_seconds_sum{model="m",version="1",front="http"} 0',
      'tensorgate_request_duration_seconds_bucket{model="m",version="1",front="http",le="0.0002"} 0',
      'tensorgate_request_duration_seconds_bucket{model="m",version="1",front="http",le="0.2"} 0',
      'tensorgate_request_duration_seconds_bucket{model="m",version="1",front="http",le="+Inf"} 0',
      ...['grpc', 'http'].flatMap((front) =>
        ['REJECTED', 'CANCELED', 'BACKEND', 'OTHER'].map((reason) => {
          const value = front === 'http' && reason === 'REJECTED' ? 1 : 0;
          return `tensorgate_request_failures_total{model="m",version="1",front="${front}",reason="${reason}"} ${value}`;
        }),
      ),
    ],
  );
});

test('the first answers of models of many steps are told, and of no others', () => {
  const versions = [
    buildVersion(),
    buildVersion({ name: 's', use: (statistics) => statistics.recordFirstAnswer(150) }),
  ];
  assert.deepEqual(
    samples(modelMetrics, { versions }, /first_answer/).filter((line) => /_(count|sum)\{/.test(line)),
    [
      'tensorgate_first_answer_duration_seconds_count{model="s",version="1"} 1',
      'tensorgate_first_answer_duration_seconds_sum{model="s",version="1"} 0.15',
    ],
  );
});

test('phases are in seconds, and their bounds are written as people would', () => {
  const version = buildVersion({
    use(statistics) {
      statistics.recordBatch(1, 1, 2, 0.02, 3, 0.3);
      statistics.recordQueueWait(2);
    },
  });
  const told = samples(modelMetrics, { versions: [version] }, /_(queue|compute_\w+)_duration_seconds/);
  assert.deepEqual(
    told.filter((line) => line.includes('_sum')),
    [
      'tensorgate_queue_duration_seconds_sum{model="m",version="1"} 0.002',
      'tensorgate_compute_input_duration_seconds_sum{model="m",version="1"} 0.00002',
      'tensorgate_compute_infer_duration_seconds_sum{model="m",version="1"} 0.003',
      'tensorgate_compute_output_duration_seconds_sum{model="m",version="1"} 0.0003',
    ],
  );
  const bounds = new Set(told.flatMap((line) => /le="([^"]+)"/.exec(line)?.[1] ?? []));
  assert.deepEqual(
    [...bounds].filter((bound) => bound.length > 7),
    [],
  );
  assert.ok(bounds.has('0.00001'));
});

test('rows of batches are counted from their exact sizes', () => {
  const version = buildVersion({
    use(statistics) {
      for (const rows of [1, 3, 3, 256, 300]) statistics.recordBatch(rows, 1, 0, 0, 1, 0);
    },
  });
  assert.deepEqual(samples(modelMetrics, { versions: [version] }, /batch_rows/), [
    'tensorgate_batch_rows_count{model="m",version="1"} 5',
    'tensorgate_batch_rows_sum{model="m",version="1"} 563',
    ...[1, 1, 3, 3, 3, 3, 3, 3, 4].map(
      (count, power) => `tensorgate_batch_rows_bucket{model="m",version="1",le="${2 ** power}"} ${count}`,
    ),
    'tensorgate_batch_rows_bucket{model="m",version="1",le="+Inf"} 5',
  ]);
});

test('a version is named with its platform and the head of its digest', () => {
  assert.deepEqual(samples(modelMetrics, { versions: [buildVersion()] }, /info/), [
    'tensorgate_model_info{model="m",version="1",platform="onnxruntime_onnx",digest="0123456789ab"} 1',
  ]);
});

test('queues tell what waits, why batches closed, and what was refused', () => {
  const queue = buildQueue({
    queuedRequests: 3,
    queuedRows: 7,
    queuedBytes: 99,
    oldestMs: 12.5,
    runningBatches: 2,
    batchingOffReason: 'rows differ',
    closed: { slot_free: 5, full: 1 },
    refused: { PREEMPTED: 4 },
    restarts: 6,
  });
  assert.deepEqual(samples(queueMetrics, { queues: [queue] }, /./), [
    'tensorgate_queue_requests{model="m",version="1"} 3',
    'tensorgate_queue_rows{model="m",version="1"} 7',
    'tensorgate_queue_bytes{model="m",version="1"} 99',
    'tensorgate_queue_oldest_seconds{model="m",version="1"} 0.0125',
    'tensorgate_running_batches{model="m",version="1"} 2',
    'tensorgate_batches_closed_total{model="m",version="1",reason="slot_free"} 5',
    'tensorgate_batches_closed_total{model="m",version="1",reason="full"} 1',
    'tensorgate_requests_refused_total{model="m",version="1",reason="PREEMPTED"} 4',
    'tensorgate_batching_off{model="m",version="1"} 1',
    'tensorgate_executor_restarts_total{model="m",version="1"} 6',
  ]);
});

test('a breaker is told as a number that is larger the worse it is', () => {
  const breakers = (['closed', 'half_open', 'open'] as const).map((state, at) =>
    buildQueue({
      version: String(at),
      breaker: buildBreakerReading({ state, opened: at, hungRuns: 2 * at }),
    }),
  );
  assert.deepEqual(samples(breakerMetrics, { queues: breakers }, /./), [
    ...[0, 1, 2].map((at) => `tensorgate_breaker_state{model="m",version="${at}"} ${at}`),
    ...[0, 1, 2].map((at) => `tensorgate_breaker_opened_total{model="m",version="${at}"} ${at}`),
    ...[0, 1, 2].map((at) => `tensorgate_hung_runs_total{model="m",version="${at}"} ${2 * at}`),
  ]);
});

test('of what was learned for several sizes of inputs, that of the most batches is told', () => {
  const queue = buildQueue({
    knees: [
      { sizeClass: 3, rows: 8 },
      { sizeClass: 9, rows: 2 },
    ],
    curves: [
      { sizeClass: 3, costs: [{ rows: 1, ms: 5, samples: 3 }] },
      {
        sizeClass: 9,
        costs: [
          { rows: 1, ms: 2, samples: 2 },
          { rows: 2, ms: 3, samples: 2 },
        ],
      },
    ],
  });
  assert.deepEqual(samples(queueMetrics, { queues: [queue] }, /cost|knee/), [
    'tensorgate_batch_cost_seconds{model="m",version="1",rows="1"} 0.002',
    'tensorgate_batch_cost_seconds{model="m",version="1",rows="2"} 0.003',
    'tensorgate_batch_knee_rows{model="m",version="1"} 2',
  ]);
});

test('failures and transports of all threads are summed, runtimes are told by thread', () => {
  const failure = { front: 'grpc', code: 'not_found', reason: 'MODEL_NOT_FOUND', count: 2 } as const;
  const transport = buildTransport({
    connectionsOpened: 5,
    connectionsClosed: 2,
    limitHits: { pings: 3, age: 1 },
  });
  const threads = ['io-0', 'io-1'].map((thread) =>
    buildThread({
      thread,
      failures: [failure],
      transports: [transport],
      runtime: buildRuntime({ eventLoopActiveMs: 1500, heapUsedBytes: 7 }),
    }),
  );
  const told = samples(serverMetrics, { threads }, /errors_total\{|connections|limit_hits|active|heap_used/);
  assert.deepEqual(told, [
    'tensorgate_request_errors_total{front="grpc",code="not_found",reason="MODEL_NOT_FOUND"} 4',
    'tensorgate_grpc_connections 6',
    'tensorgate_grpc_connections_opened_total 10',
    'tensorgate_grpc_limit_hits_total{limit="pings"} 6',
    'tensorgate_grpc_limit_hits_total{limit="age"} 2',
    'tensorgate_event_loop_seconds_total{thread="io-0",state="active"} 1.5',
    'tensorgate_event_loop_seconds_total{thread="io-1",state="active"} 1.5',
    'tensorgate_heap_used_bytes{thread="io-0"} 7',
    'tensorgate_heap_used_bytes{thread="io-1"} 7',
  ]);
});

test('a transport that counts nothing tells nothing', () => {
  assert.deepEqual(samples(serverMetrics, { threads: [buildThread()] }, /grpc/), []);
});

test('the process, the build and the budget are told as they are', () => {
  assert.deepEqual(samples(serverMetrics, {}, /^(process|tensorgate_(ready|build|byte))/), [
    'tensorgate_ready 1',
    'tensorgate_build_info{version="1.2.3",node="26.0.0"} 1',
    'tensorgate_byte_budget_used_bytes 0',
    'tensorgate_byte_budget_limit_bytes 1024',
    'process_cpu_seconds_total 1.5',
    'process_resident_memory_bytes 2048',
    'process_start_time_seconds 1700000000',
  ]);
});
