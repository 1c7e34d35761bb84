import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writeFamilies } from '../../../../src/observability/metrics/exposition.ts';
import { readFamily, type MetricFamily } from '../../../../src/observability/metrics/metric.ts';
import { writeWithOpenTelemetry } from '../../../../src/observability/metrics/opentelemetry-text.ts';
import { ownMetrics } from '../../../../src/observability/metrics/own-metrics.ts';
import {
  buildQueue,
  buildReading,
  buildRuntime,
  buildThread,
  buildTransport,
  buildVersion,
} from '../../../support/build-reading.ts';

const reading = buildReading({
  versions: ['a', 'b', 'c "d"\\'].map((name) =>
    buildVersion({
      name,
      use(statistics) {
        statistics.recordBatch(2, 2, 1, 0.02, 0.7, 0.001);
        statistics.recordQueueWait(0.3);
        statistics.recordSuccess(0.15, 'grpc');
        statistics.recordSuccess(12_000, 'http');
        statistics.recordFailure(1, 'CANCELED', 'http');
      },
    }),
  ),
  queues: [buildQueue({ model: 'a', oldestMs: 12.5 }), buildQueue({ model: 'b' })],
  threads: [buildThread({ runtime: buildRuntime(), transports: [buildTransport({ heldBytes: 5 })] })],
});

function families(): readonly MetricFamily[] {
  return ownMetrics.map((metric) => readFamily(metric, reading)).filter(({ points }) => points.length > 0);
}

test("OpenTelemetry's exporter writes what the exact-name writer would: names, labels, buckets and values", () => {
  const exported = [...writeWithOpenTelemetry(families(), 1000)].join('');
  assert.equal(exported, [...writeFamilies(families(), 'prometheus', 1000)].join(''));
  assert.match(
    exported,
    /^tensorgate_request_duration_seconds_bucket\{model="a",version="1",front="grpc",le="0.0002"\} 1$/m,
  );
});

test('cut into slices the text is the same', () => {
  const slices = [...writeWithOpenTelemetry(families(), 2)];
  assert.equal(slices.join(''), [...writeWithOpenTelemetry(families(), 1000)].join(''));
  for (const slice of slices) assert.ok(slice.split('\n').length < 50);
});

test('a metric without points has no lines at all', () => {
  const none = ownMetrics.map((metric) => readFamily(metric, buildReading()));
  const text = [...writeWithOpenTelemetry(none, 10)].join('');
  assert.doesNotMatch(text, /tensorgate_batch_rows/);
  assert.match(text, /^tensorgate_ready 1$/m);
});
