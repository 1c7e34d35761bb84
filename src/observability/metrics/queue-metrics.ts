import type { QueueReading } from '../observation.ts';
import type { Labels, Metric, NumberMetric } from './metric.ts';

const perVersion = ['model', 'version'] as const;

function labelsOf({ model, version }: QueueReading): Labels {
  return { model, version };
}

function gauge(name: string, help: string, value: (queue: QueueReading) => number): NumberMetric {
  return {
    kind: 'gauge',
    name,
    help,
    labels: perVersion,
    read: ({ queues }) => queues.map((queue) => ({ labels: labelsOf(queue), value: value(queue) })),
  };
}

function byReason(
  name: string,
  help: string,
  counts: (queue: QueueReading) => Readonly<Record<string, number>>,
): NumberMetric {
  return {
    kind: 'counter',
    name,
    help,
    labels: [...perVersion, 'reason'],
    read: ({ queues }) =>
      queues.flatMap((queue) =>
        Object.entries(counts(queue)).map(([reason, value]) => ({
          labels: { ...labelsOf(queue), reason },
          value,
        })),
      ),
  };
}

type Curve = QueueReading['curves'][number];

/** Of inputs of different sizes, what was learned from most batches: one curve a model, however its shapes vary. */
function usualCurve({ curves }: QueueReading): Curve | undefined {
  let usual: Curve | undefined;
  let most = -1;
  for (const curve of curves) {
    const samples = curve.costs.reduce((sum, cost) => sum + cost.samples, 0);
    if (samples <= most) continue;
    most = samples;
    usual = curve;
  }
  return usual;
}

/** What the scheduler knows of each version that has been used. */
export const queueMetrics: readonly Metric[] = [
  gauge('tensorgate_queue_requests', 'Requests that wait.', ({ queuedRequests }) => queuedRequests),
  gauge('tensorgate_queue_rows', 'Rows of the requests that wait.', ({ queuedRows }) => queuedRows),
  gauge(
    'tensorgate_queue_bytes',
    'Bytes of the inputs of the requests that wait.',
    ({ queuedBytes }) => queuedBytes,
  ),
  gauge(
    'tensorgate_queue_oldest_seconds',
    'How long the oldest waiting request has waited; 0 when none does.',
    ({ oldestMs }) => oldestMs / 1000,
  ),
  gauge(
    'tensorgate_running_batches',
    'Batches that executors run now.',
    ({ runningBatches }) => runningBatches,
  ),
  byReason(
    'tensorgate_batches_closed_total',
    'Batches by why they took no more: the executor was free, full, a deadline, the longest delay, or a preferred size.',
    ({ closed }) => closed,
  ),
  byReason(
    'tensorgate_requests_refused_total',
    'Requests that the scheduler turned away or gave up, by reason.',
    ({ refused }) => refused,
  ),
  {
    kind: 'gauge',
    name: 'tensorgate_batch_cost_seconds',
    help: 'Learned time of a batch of so many rows, for the size of inputs that is most usual.',
    labels: [...perVersion, 'rows'],
    read: ({ queues }) =>
      queues.flatMap((queue) =>
        (usualCurve(queue)?.costs ?? []).map(({ rows, ms }) => ({
          labels: { ...labelsOf(queue), rows: String(rows) },
          value: ms / 1000,
        })),
      ),
  },
  {
    kind: 'gauge',
    name: 'tensorgate_batch_knee_rows',
    help: 'Batch size above which a row gets no cheaper, for the size of inputs that is most usual.',
    labels: perVersion,
    read: ({ queues }) =>
      queues.flatMap((queue) => {
        const usual = usualCurve(queue)?.sizeClass;
        return queue.knees
          .filter(({ sizeClass }) => sizeClass === usual)
          .map(({ rows }) => ({ labels: labelsOf(queue), value: rows }));
      }),
  },
  gauge(
    'tensorgate_batching_off',
    '1 while requests must not share a batch because the model was found not to bear it.',
    ({ batchingOffReason }) => (batchingOffReason === '' ? 0 : 1),
  ),
  {
    kind: 'counter',
    name: 'tensorgate_executor_restarts_total',
    help: 'Executor threads that were started in place of lost ones.',
    labels: perVersion,
    read: ({ queues }) => queues.map((queue) => ({ labels: labelsOf(queue), value: queue.restarts })),
  },
];
