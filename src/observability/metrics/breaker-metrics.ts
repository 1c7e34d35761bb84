import type { BreakerReading, BreakerStateName } from '../../inference/breaker.ts';
import { mergeExporters, type ExporterReading } from '../../inference/exporter-breaker.ts';
import type { QueueReading } from '../observation.ts';
import type { Metric, NumberMetric } from './metric.ts';

const perVersion = ['model', 'version'] as const;

/** As a number, so that the worst of several replicas is their maximum. */
const levels = { closed: 0, half_open: 1, open: 2 } as const satisfies Record<BreakerStateName, number>;

function metric(
  kind: NumberMetric['kind'],
  name: string,
  help: string,
  value: (breaker: BreakerReading) => number,
): NumberMetric {
  return {
    kind,
    name,
    help,
    labels: perVersion,
    read: ({ queues }) =>
      queues.map(({ model, version, breaker }: QueueReading) => ({
        labels: { model, version },
        value: value(breaker),
      })),
  };
}

function exporterMetric(
  kind: NumberMetric['kind'],
  name: string,
  help: string,
  value: (exporter: ExporterReading) => number,
): NumberMetric {
  return {
    kind,
    name,
    help,
    labels: ['exporter'],
    read: ({ threads }) =>
      mergeExporters(threads.flatMap(({ exporters = [] }) => exporters)).map((reading) => ({
        labels: { exporter: reading.exporter },
        value: value(reading),
      })),
  };
}

/**
 * What keeps a failing version from being tried by every request, for each version that has been used; and an exporter from
 * making what nobody takes, for each that there is.
 */
export const breakerMetrics: readonly Metric[] = [
  metric(
    'gauge',
    'tensorgate_breaker_state',
    '0 closed: in service; 1 half-open: being tried; 2 open: requests are refused.',
    ({ state }) => levels[state],
  ),
  metric(
    'counter',
    'tensorgate_breaker_opened_total',
    'How often the version was taken out of service because it failed by itself.',
    ({ opened }) => opened,
  ),
  metric(
    'counter',
    'tensorgate_hung_runs_total',
    'Runs that were given up because they did not end.',
    ({ hungRuns }) => hungRuns,
  ),
  exporterMetric(
    'gauge',
    'tensorgate_exporter_breaker_state',
    '0 closed: what is told to others is taken; 1 half-open: being tried; 2 open: nothing is sent, or made, for a while.',
    ({ state }) => levels[state],
  ),
  exporterMetric(
    'counter',
    'tensorgate_exporter_breaker_opened_total',
    'How often an exporter was stopped because nobody took what it sends.',
    ({ opened }) => opened,
  ),
];
