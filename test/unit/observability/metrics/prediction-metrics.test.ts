import assert from 'node:assert/strict';
import { test } from 'node:test';
import { predictionMetrics } from '../../../../src/observability/metrics/prediction-metrics.ts';
import { buildPredictions, buildReading, buildThread } from '../../../support/build-reading.ts';

test('threads count for themselves, and are told together', () => {
  const predictions = buildPredictions();
  const threads = [
    buildThread({ predictions }),
    buildThread({ thread: 'io-0', predictions }),
    buildThread({ thread: 'io-1' }),
  ];
  const told = predictionMetrics.flatMap((metric) =>
    metric.kind === 'histogram'
      ? []
      : metric
          .read(buildReading({ threads }))
          .map(({ labels, value }) => `${metric.name} ${Object.values(labels).join(' ')} ${value}`),
  );
  assert.deepEqual(told, [
    'tensorgate_prediction_log_records_total m 6',
    'tensorgate_prediction_log_dropped_total m pending 2',
    'tensorgate_prediction_log_dropped_total m rows 4',
    'tensorgate_prediction_log_dropped_total m unreadable 0',
    'tensorgate_prediction_log_sink_records_total jsonl written 4',
    'tensorgate_prediction_log_sink_records_total jsonl dropped 0',
    'tensorgate_prediction_log_sink_failures_total jsonl 2',
    'tensorgate_prediction_log_sink_buffered jsonl 2',
  ]);
});

test('a server without a prediction log tells nothing of it', () => {
  for (const metric of predictionMetrics) {
    assert.deepEqual(metric.read(buildReading({ threads: [buildThread()] })), []);
  }
});
