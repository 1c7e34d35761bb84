import { ValueType } from '@opentelemetry/api';
import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { emptyResource } from '@opentelemetry/resources';
import { AggregationTemporality, DataPointType, type MetricData } from '@opentelemetry/sdk-metrics';
import type { MetricFamily } from './metric.ts';

const resource = emptyResource();
const scope = { name: 'tensorgate' };

/** Neither timestamps nor labels beside the metrics' own, and no target_info. */
const serializer = new PrometheusSerializer('', false, undefined, true, true);

/**
 * Writes families of this server's own with OpenTelemetry's Prometheus exporter, from counters instead of instruments.
 *
 * @returns one text for at most `pointsPerSlice` points at a time, as `writeFamilies` does.
 */
export function* writeWithOpenTelemetry(
  families: Iterable<MetricFamily>,
  pointsPerSlice: number,
): Generator<string, void, void> {
  for (const family of families) {
    for (let first = 0; first < family.points.length; first += pointsPerSlice) {
      const metrics = [metricData(family, first, first + pointsPerSlice)];
      const text = serializer.serialize({ resource, scopeMetrics: [{ scope, metrics }] });
      yield first === 0 ? text : withoutHeader(text);
    }
  }
}

/** Its start and its end are not told: the text has no timestamps. */
const noTime: [number, number] = [0, 0];

function metricData(family: MetricFamily, first: number, end: number): MetricData {
  const { name, help } = family.metric;
  const common = {
    descriptor: { name, description: help, unit: '', valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
  };
  if (family.form === 'histogram') {
    const dataPoints = family.points.slice(first, end).map(({ labels, histogram }) => ({
      attributes: labels,
      startTime: noTime,
      endTime: noTime,
      value: {
        buckets: { boundaries: [...histogram.bounds], counts: [...histogram.counts] },
        sum: histogram.sum,
        count: histogram.counts.reduce((sum, count) => sum + count, 0),
      },
    }));
    return { ...common, dataPointType: DataPointType.HISTOGRAM, dataPoints };
  }
  const dataPoints = family.points
    .slice(first, end)
    .map(({ labels, value }) => ({ attributes: labels, startTime: noTime, endTime: noTime, value }));
  return family.metric.kind === 'counter'
    ? { ...common, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints }
    : { ...common, dataPointType: DataPointType.GAUGE, dataPoints };
}

function withoutHeader(text: string): string {
  let start = 0;
  while (text.startsWith('# ', start)) start = text.indexOf('\n', start) + 1;
  return text.slice(start);
}
