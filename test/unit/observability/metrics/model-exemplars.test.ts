import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Exemplar } from '../../../../src/inference/exemplar.ts';
import { writeFamilies } from '../../../../src/observability/metrics/exposition.ts';
import { readFamily } from '../../../../src/observability/metrics/metric.ts';
import { modelMetrics } from '../../../../src/observability/metrics/model-metrics.ts';
import { ExemplarStore } from '../../../../src/observability/tracing/exemplar-store.ts';
import { buildReading, buildThread, buildVersion } from '../../../support/build-reading.ts';

function exemplar(overrides: Partial<Exemplar> = {}): Exemplar {
  return {
    model: 'm',
    version: '1',
    front: 'grpc',
    ms: 3,
    traceId: 'a'.repeat(32),
    spanId: 'b'.repeat(16),
    epochMs: 1_700_000_000_123,
    ...overrides,
  };
}

function lines(format: 'prometheus' | 'openmetrics', exemplars: readonly Exemplar[][]): readonly string[] {
  const version = buildVersion({ use: (statistics) => statistics.recordSuccess(3, 'grpc') });
  const threads = exemplars.map((own) => buildThread({ exemplars: own }));
  const reading = buildReading({ versions: [version], threads });
  const families = modelMetrics
    .filter(({ name }) => name === 'tensorgate_request_duration_seconds')
    .map((metric) => readFamily(metric, reading));
  return [...writeFamilies(families, format, 4)].join('').split('\n');
}

test('in OpenMetrics a bucket of latencies shows the trace of a request in it', () => {
  const shown = lines('openmetrics', [[exemplar()]]).filter((line) => line.includes('trace_id'));
  assert.deepEqual(shown, [
    `tensorgate_request_duration_seconds_bucket{model="m",version="1",front="grpc",le="0.005"} 1 # {trace_id="${'a'.repeat(32)}",span_id="${'b'.repeat(16)}"} 0.003 1700000000.123`,
  ]);
});

test('the older text, which has no place for them, has none', () => {
  assert.ok(!lines('prometheus', [[exemplar()]]).some((line) => line.includes('trace_id')));
});

test('of several threads the newest is shown, and of versions that do not serve none', () => {
  const newer = exemplar({ traceId: 'c'.repeat(32), epochMs: 1_700_000_001_000 });
  const gone = exemplar({ version: '2' });
  const shown = lines('openmetrics', [[exemplar()], [newer, gone], [exemplar()]]);
  assert.deepEqual(
    shown.filter((line) => line.includes('trace_id')).map((line) => /trace_id="(.)/.exec(line)?.[1]),
    ['c'],
  );
});

test('above all bounds there is an exemplar as well', () => {
  const shown = lines('openmetrics', [[exemplar({ ms: 20_000 })]]).find((line) => line.includes('trace_id'));
  assert.match(shown ?? '', /le="\+Inf"/);
});

test('a store keeps the last exemplar of each bucket, of a bounded number of series', () => {
  const store = new ExemplarStore();
  store.add(exemplar());
  store.add(exemplar({ ms: 4 }));
  store.add(exemplar({ ms: 400 }));
  assert.deepEqual(
    store.all().map(({ ms }) => ms),
    [4, 400],
  );
  for (let model = 0; model < 2000; model++) store.add(exemplar({ model: `m${model}` }));
  assert.equal(store.all().length, 1024);
});
