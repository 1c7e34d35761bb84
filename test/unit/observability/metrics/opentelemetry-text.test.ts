import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writeFamilies } from '../../../../src/observability/metrics/exposition.ts';
import { readFamily, type MetricFamily } from '../../../../src/observability/metrics/metric.ts';
import { OpenTelemetryText } from '../../../../src/observability/metrics/opentelemetry-text.ts';
import { ownMetrics } from '../../../../src/observability/metrics/own-metrics.ts';
import type { ServerReading } from '../../../../src/observability/metrics/server-reading.ts';
import {
  buildQueue,
  buildReading,
  buildRuntime,
  buildThread,
  buildTransport,
  buildVersion,
} from '../../../support/build-reading.ts';

function readingOf(models: readonly string[], successMs = 0.15): ServerReading {
  return buildReading({
    versions: models.map((name) =>
      buildVersion({
        name,
        use(statistics) {
          statistics.recordBatch(2, 2, 1, 0.02, 0.7, 0.001);
          statistics.recordQueueWait(0.3);
          statistics.recordSuccess(successMs, 'grpc');
          statistics.recordSuccess(12_000, 'http');
          statistics.recordFailure(1, 'CANCELED', 'http');
        },
      }),
    ),
    queues: models.map((model) => buildQueue({ model, oldestMs: 12.5, restarts: Math.round(successMs) })),
    threads: [buildThread({ runtime: buildRuntime(), transports: [buildTransport({ heldBytes: 5 })] })],
  });
}

function familiesOf(reading: ServerReading): readonly MetricFamily[] {
  return ownMetrics.map((metric) => readFamily(metric, reading));
}

function textOf(writer: OpenTelemetryText, reading: ServerReading): string {
  return [...writer.write(familiesOf(reading), 1000)].join('');
}

function exactText(reading: ServerReading): string {
  return [...writeFamilies(familiesOf(reading), 'prometheus', 1000)].join('');
}

const odd = ['a', 'b', 'c "d"\\'];

test("OpenTelemetry's exporter writes what the exact-name writer would: names, labels, buckets and values", () => {
  const reading = readingOf(odd);
  const text = textOf(new OpenTelemetryText(), reading);
  assert.equal(text, exactText(reading));
  assert.match(
    text,
    /^tensorgate_request_duration_seconds_bucket\{model="a",version="1",front="grpc",le="0.0002"\} 1$/m,
  );
});

test('at later scrapes values change, and points come and go', () => {
  const writer = new OpenTelemetryText();
  const readings = [
    readingOf(odd),
    readingOf(odd, 7),
    readingOf(['b', 'new'], 9),
    readingOf([]),
    readingOf(['new', 'b', 'a'], 11),
  ];
  for (const reading of readings) assert.equal(textOf(writer, reading), exactText(reading));
});

test('a scrape that was given up halfway does not spoil the next', () => {
  const writer = new OpenTelemetryText();
  const reading = readingOf(odd);
  const slices = writer.write(familiesOf(reading), 2);
  slices.next();
  slices.return();
  assert.equal(textOf(writer, reading), exactText(reading));
});

test('cut into slices the text is the same', () => {
  const slices = [...new OpenTelemetryText().write(familiesOf(readingOf(odd)), 2)];
  assert.equal(slices.join(''), exactText(readingOf(odd)));
  for (const slice of slices) assert.ok(slice.split('\n').length < 50);
});

test('a metric without points has no lines at all', () => {
  const text = textOf(new OpenTelemetryText(), buildReading());
  assert.doesNotMatch(text, /tensorgate_batch_rows/);
  assert.match(text, /^tensorgate_ready 1$/m);
});
