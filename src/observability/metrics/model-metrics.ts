import { fronts } from '../../inference/front.ts';
import type { BatchStatistics, Histogram, LatencySnapshot } from '../../inference/statistics.ts';
import { inSeconds, type HistogramMetric, type Labels, type Metric } from './metric.ts';
import { exemplarsOf, seriesOf } from './model-exemplars.ts';
import type { VersionReading } from './server-reading.ts';

const perVersion = ['model', 'version'] as const;

function labelsOf({ statistics }: VersionReading): Labels {
  return { model: statistics.name, version: statistics.version };
}

function phase(name: string, help: string, of: (latencies: LatencySnapshot) => Histogram): HistogramMetric {
  return {
    kind: 'histogram',
    name,
    help,
    labels: perVersion,
    read: ({ versions }) =>
      versions.map((version) => ({ labels: labelsOf(version), histogram: inSeconds(of(version.latencies)) })),
  };
}

/** What was counted of each version that serves. A reload begins anew. */
export const modelMetrics: readonly Metric[] = [
  {
    kind: 'histogram',
    name: 'tensorgate_request_duration_seconds',
    help: 'Time from the last byte of a request to its answer, of answered requests, by the front they came through.',
    labels: [...perVersion, 'front'],
    read: ({ versions, threads }) => {
      const exemplars = exemplarsOf(threads);
      return versions.flatMap((version) =>
        fronts
          .filter((front) => wasUsed(version, front))
          .map((front) => {
            const labels = { ...labelsOf(version), front };
            const { name: model, version: number } = version.statistics;
            const own = exemplars.get(seriesOf({ model, version: number, front }));
            const histogram = inSeconds(version.latencies.fronts[front].answered);
            return own === undefined ? { labels, histogram } : { labels, histogram, exemplars: own };
          }),
      );
    },
  },
  {
    kind: 'counter',
    name: 'tensorgate_request_failures_total',
    help: 'Requests that a model did not answer, by front and by the reasons of nv_inference_request_failure.',
    labels: [...perVersion, 'front', 'reason'],
    read: ({ versions }) =>
      versions.flatMap((version) =>
        fronts
          .filter((front) => wasUsed(version, front))
          .flatMap((front) =>
            Object.entries(version.latencies.fronts[front].failed).map(([reason, value]) => ({
              labels: { ...labelsOf(version), front, reason },
              value,
            })),
          ),
      ),
  },
  {
    kind: 'histogram',
    name: 'tensorgate_first_answer_duration_seconds',
    help: 'Time from the last byte of a request of many steps to its first answer.',
    labels: perVersion,
    read: ({ versions }) =>
      versions
        .filter(({ latencies }) => latencies.firstAnswer.counts.some((count) => count > 0))
        .map((version) => ({
          labels: labelsOf(version),
          histogram: inSeconds(version.latencies.firstAnswer),
        })),
  },
  phase(
    'tensorgate_queue_duration_seconds',
    'Time that a request waited for its batch to start.',
    ({ queue }) => queue,
  ),
  phase(
    'tensorgate_compute_input_duration_seconds',
    'Time to bring a batch into the form that the model takes.',
    ({ computeInput }) => computeInput,
  ),
  phase(
    'tensorgate_compute_infer_duration_seconds',
    'Time that the model computed a batch.',
    ({ computeInfer }) => computeInfer,
  ),
  phase(
    'tensorgate_compute_output_duration_seconds',
    'Time to read the outputs of a batch.',
    ({ computeOutput }) => computeOutput,
  ),
  {
    kind: 'histogram',
    name: 'tensorgate_batch_rows',
    help: 'Rows of executed batches.',
    labels: perVersion,
    read: ({ versions }) =>
      versions.map((version) => ({
        labels: labelsOf(version),
        histogram: batchRows(version.statistics.batches),
      })),
  },
  {
    kind: 'gauge',
    name: 'tensorgate_model_info',
    help: 'Always 1, for each version that serves; the digest is of its files and its configuration.',
    labels: [...perVersion, 'platform', 'digest'],
    read: ({ versions }) =>
      versions.map((version) => ({
        labels: {
          ...labelsOf(version),
          platform: version.platform,
          digest: version.digest.slice(0, digestLength),
        },
        value: 1,
      })),
  },
];

/** Tells apart what one server ever serves. */
const digestLength = 12;

/** A front through which nothing came has no lines, so that what is off costs nothing. */
function wasUsed({ latencies }: VersionReading, front: (typeof fronts)[number]): boolean {
  const { answered, failed } = latencies.fronts[front];
  return (
    answered.counts.some((count) => count > 0) ||
    failed.REJECTED + failed.CANCELED + failed.BACKEND + failed.OTHER > 0
  );
}

const rowBounds = [1, 2, 4, 8, 16, 32, 64, 128, 256];

function batchRows(batches: readonly BatchStatistics[]): Histogram {
  const counts = rowBounds.concat(Infinity).map(() => 0);
  let sum = 0;
  for (const { batchSize, computeInfer } of batches) {
    const fits = rowBounds.findIndex((bound) => batchSize <= bound);
    const bucket = fits < 0 ? rowBounds.length : fits;
    counts[bucket] = (counts[bucket] ?? 0) + computeInfer.count;
    sum += batchSize * computeInfer.count;
  }
  return { bounds: rowBounds, counts, sum };
}
