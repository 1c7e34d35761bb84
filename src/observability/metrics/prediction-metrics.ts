import type { PredictionCounts } from '../predictions/prediction-log.ts';
import type { Metric, NumberMetric, NumberPoint } from './metric.ts';
import type { ServerReading } from './server-reading.ts';

function predictions({ threads }: ServerReading): readonly PredictionCounts[] {
  return threads.flatMap(({ predictions: counts }) => (counts === undefined ? [] : [counts]));
}

/** One point for each combination of labels: threads count for themselves. */
function summed(points: readonly NumberPoint[]): readonly NumberPoint[] {
  const sums = new Map<string, NumberPoint>();
  for (const { labels, value } of points) {
    const key = Object.values(labels).join('\0');
    sums.set(key, { labels, value: value + (sums.get(key)?.value ?? 0) });
  }
  return [...sums.values()];
}

interface PredictionMetric extends Pick<NumberMetric, 'kind' | 'name' | 'help' | 'labels'> {
  readonly points: (counts: PredictionCounts) => readonly NumberPoint[];
}

function metric({ points, ...described }: PredictionMetric): NumberMetric {
  return { ...described, read: (reading) => summed(predictions(reading).flatMap(points)) };
}

/** What the prediction log does; nothing of it without one. Its models are those that its file names. */
export const predictionMetrics: readonly Metric[] = [
  metric({
    kind: 'counter',
    name: 'tensorgate_prediction_log_records_total',
    help: 'Records that were made of answers for the prediction log.',
    labels: ['model'],
    points: ({ models }) => models.map(({ model, records }) => ({ labels: { model }, value: records })),
  }),
  metric({
    kind: 'counter',
    name: 'tensorgate_prediction_log_dropped_total',
    help: 'What was to be logged and is not: answers for which there was no room (pending) or that could not be read (unreadable), and rows above the limit of a request (rows).',
    labels: ['model', 'reason'],
    points: ({ models }) =>
      models.flatMap(({ model, dropped }) =>
        Object.entries(dropped).map(([reason, value]) => ({ labels: { model, reason }, value })),
      ),
  }),
  metric({
    kind: 'counter',
    name: 'tensorgate_prediction_log_sink_records_total',
    help: 'Records by where they went: written, or dropped because the sink did not keep up.',
    labels: ['sink', 'outcome'],
    points: ({ sinks }) =>
      sinks.flatMap(({ sink, written, dropped }) => [
        { labels: { sink, outcome: 'written' }, value: written },
        { labels: { sink, outcome: 'dropped' }, value: dropped },
      ]),
  }),
  metric({
    kind: 'counter',
    name: 'tensorgate_prediction_log_sink_failures_total',
    help: 'Writes of records that failed and were tried again.',
    labels: ['sink'],
    points: ({ sinks }) => sinks.map(({ sink, failures }) => ({ labels: { sink }, value: failures })),
  }),
  metric({
    kind: 'gauge',
    name: 'tensorgate_prediction_log_sink_buffered',
    help: 'Records that wait to be written.',
    labels: ['sink'],
    points: ({ sinks }) => sinks.map(({ sink, buffered }) => ({ labels: { sink }, value: buffered })),
  }),
];
