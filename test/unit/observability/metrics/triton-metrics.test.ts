import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writeFamilies } from '../../../../src/observability/metrics/exposition.ts';
import { readFamily } from '../../../../src/observability/metrics/metric.ts';
import type { ServerReading } from '../../../../src/observability/metrics/server-reading.ts';
import { tritonMetrics } from '../../../../src/observability/metrics/triton-metrics.ts';
import { buildReading, buildVersion } from '../../../support/build-reading.ts';

function textOf(reading: ServerReading, latencies = { counters: true, histograms: false }): string {
  const families = tritonMetrics(latencies).map((metric) => readFamily(metric, reading));
  return [...writeFamilies(families, 'prometheus', 100)].join('');
}

const used = buildVersion({
  name: 'preprocessor',
  use(statistics) {
    // Three requests with five rows, which waited 473 µs together.
    statistics.recordBatch(5, 3, 0.473, 0.316, 2.5, 0.404);
    for (const totalMs of [10, 20, 29.877]) statistics.recordSuccess(totalMs, 'grpc');
    statistics.recordFailure(1, 'BACKEND', 'grpc');
    statistics.recordFailure(1, 'OTHER', 'http');
    statistics.setPending(7);
  },
});

test("one model's metrics are Triton's, to the letter", () => {
  assert.equal(
    textOf(
      buildReading({
        versions: [used],
        machine: { cpuUtilization: 0.25, memoryTotalBytes: 4096, memoryUsedBytes: 1024 },
      }),
    ),
    `\
# HELP nv_inference_request_success Number of successful inference requests, all batch sizes
# TYPE nv_inference_request_success counter
nv_inference_request_success{model="preprocessor",version="1"} 3
# HELP nv_inference_request_failure Number of failed inference requests, all batch sizes
# TYPE nv_inference_request_failure counter
nv_inference_request_failure{model="preprocessor",reason="REJECTED",version="1"} 0
nv_inference_request_failure{model="preprocessor",reason="CANCELED",version="1"} 0
nv_inference_request_failure{model="preprocessor",reason="BACKEND",version="1"} 1
nv_inference_request_failure{model="preprocessor",reason="OTHER",version="1"} 1
# HELP nv_inference_count Number of inferences performed (does not include cached requests)
# TYPE nv_inference_count counter
nv_inference_count{model="preprocessor",version="1"} 5
# HELP nv_inference_exec_count Number of model executions performed (does not include cached requests)
# TYPE nv_inference_exec_count counter
nv_inference_exec_count{model="preprocessor",version="1"} 1
# HELP nv_inference_request_duration_us Cumulative inference request duration in microseconds (includes cached requests)
# TYPE nv_inference_request_duration_us counter
nv_inference_request_duration_us{model="preprocessor",version="1"} 59877
# HELP nv_inference_queue_duration_us Cumulative inference queuing duration in microseconds (includes cached requests)
# TYPE nv_inference_queue_duration_us counter
nv_inference_queue_duration_us{model="preprocessor",version="1"} 473
# HELP nv_inference_compute_input_duration_us Cumulative compute input duration in microseconds (does not include cached requests)
# TYPE nv_inference_compute_input_duration_us counter
nv_inference_compute_input_duration_us{model="preprocessor",version="1"} 948
# HELP nv_inference_compute_infer_duration_us Cumulative compute inference duration in microseconds (does not include cached requests)
# TYPE nv_inference_compute_infer_duration_us counter
nv_inference_compute_infer_duration_us{model="preprocessor",version="1"} 7500
# HELP nv_inference_compute_output_duration_us Cumulative inference compute output duration in microseconds (does not include cached requests)
# TYPE nv_inference_compute_output_duration_us counter
nv_inference_compute_output_duration_us{model="preprocessor",version="1"} 1212
# HELP nv_inference_pending_request_count Instantaneous number of pending requests awaiting execution per-model.
# TYPE nv_inference_pending_request_count gauge
nv_inference_pending_request_count{model="preprocessor",version="1"} 7
# HELP nv_model_load_duration_secs Model load time in seconds
# TYPE nv_model_load_duration_secs gauge
nv_model_load_duration_secs{model="preprocessor",version="1"} 0.25
# HELP nv_cpu_utilization CPU utilization rate [0.0 - 1.0]
# TYPE nv_cpu_utilization gauge
nv_cpu_utilization 0.25
# HELP nv_cpu_memory_total_bytes CPU total memory (RAM), in bytes
# TYPE nv_cpu_memory_total_bytes gauge
nv_cpu_memory_total_bytes 4096
# HELP nv_cpu_memory_used_bytes CPU used memory (RAM), in bytes
# TYPE nv_cpu_memory_used_bytes gauge
nv_cpu_memory_used_bytes 1024
`,
  );
});

function linesOf(text: string, pattern: RegExp): readonly string[] {
  return text.split('\n').filter((line) => pattern.test(line));
}

test('all four reasons of failures are told from the start', () => {
  const text = textOf(buildReading({ versions: [buildVersion()] }));
  assert.deepEqual(linesOf(text, /^nv_inference_request_failure/), [
    'nv_inference_request_failure{model="m",reason="REJECTED",version="1"} 0',
    'nv_inference_request_failure{model="m",reason="CANCELED",version="1"} 0',
    'nv_inference_request_failure{model="m",reason="BACKEND",version="1"} 0',
    'nv_inference_request_failure{model="m",reason="OTHER",version="1"} 0',
  ]);
});

test('a hit of the cache is a success, and neither an inference nor an execution', () => {
  const version = buildVersion({
    use(statistics) {
      statistics.recordBatch(1, 1, 0, 0, 1, 0);
      statistics.recordCacheMiss(0.5);
      statistics.recordSuccess(2, 'grpc');
      statistics.recordCacheHit(0, 0.25);
      statistics.recordSuccess(1, 'grpc');
    },
  });
  const text = textOf(buildReading({ versions: [version] }));
  assert.deepEqual(linesOf(text, /^nv_(cache|inference_(request_success|count|exec_count))/), [
    'nv_inference_request_success{model="m",version="1"} 2',
    'nv_inference_count{model="m",version="1"} 1',
    'nv_inference_exec_count{model="m",version="1"} 1',
    'nv_cache_num_hits_per_model{model="m",version="1"} 1',
    'nv_cache_num_misses_per_model{model="m",version="1"} 1',
    'nv_cache_hit_duration_per_model{model="m",version="1"} 250',
    'nv_cache_miss_duration_per_model{model="m",version="1"} 500',
  ]);
});

test('tags of the configuration are labels, in the order of their names', () => {
  const version = buildVersion({ tags: { _team: 'vision', _Area: 'a "b"' } });
  const text = textOf(buildReading({ versions: [version] }));
  assert.deepEqual(linesOf(text, /^nv_inference_(count|request_failure.*OTHER)/), [
    String.raw`nv_inference_request_failure{_Area="a \"b\"",_team="vision",model="m",reason="OTHER",version="1"} 0`,
    String.raw`nv_inference_count{_Area="a \"b\"",_team="vision",model="m",version="1"} 0`,
  ]);
});

test('latencies can be left out', () => {
  const text = textOf(buildReading({ versions: [used] }), { counters: false, histograms: false });
  assert.deepEqual(linesOf(text, /^nv_.*_us/), []);
  assert.equal(linesOf(text, /^nv_inference_request_success/).length, 1);
});

test('first responses of decoupled models alone are told as a histogram, when asked for', () => {
  const decoupled = buildVersion({
    name: 'd',
    decoupled: true,
    use(statistics) {
      for (const totalMs of [1, 100, 101, 2000]) statistics.recordSuccess(totalMs, 'grpc');
      statistics.recordSuccess(5001, 'http');
    },
  });
  const ofManySteps = buildVersion({
    name: 's',
    decoupled: true,
    use(statistics) {
      statistics.recordFirstAnswer(150);
      statistics.recordSuccess(9000, 'grpc');
    },
  });
  const reading = buildReading({ versions: [used, decoupled] });
  assert.deepEqual(linesOf(textOf(reading), /histogram_ms[_{]/), []);
  assert.deepEqual(linesOf(textOf(reading, { counters: true, histograms: true }), /^nv_.*histogram_ms[_{]/), [
    'nv_inference_first_response_histogram_ms_count{model="d",version="1"} 5',
    'nv_inference_first_response_histogram_ms_sum{model="d",version="1"} 7203',
    'nv_inference_first_response_histogram_ms_bucket{model="d",version="1",le="100"} 2',
    'nv_inference_first_response_histogram_ms_bucket{model="d",version="1",le="500"} 3',
    'nv_inference_first_response_histogram_ms_bucket{model="d",version="1",le="2000"} 4',
    'nv_inference_first_response_histogram_ms_bucket{model="d",version="1",le="5000"} 4',
    'nv_inference_first_response_histogram_ms_bucket{model="d",version="1",le="+Inf"} 5',
  ]);
  const text = textOf(buildReading({ versions: [ofManySteps] }), { counters: true, histograms: true });
  assert.deepEqual(linesOf(text, /histogram_ms_(count|sum)/), [
    'nv_inference_first_response_histogram_ms_count{model="s",version="1"} 1',
    'nv_inference_first_response_histogram_ms_sum{model="s",version="1"} 150',
  ]);
});
