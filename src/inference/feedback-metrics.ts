import { ServingError } from '../errors.ts';
import {
  entryOf,
  mostMetricEntries,
  type MetricCounts,
  type MetricEntry,
  type ReportMetric,
} from './arm-metrics.ts';
import type { Principal } from './principal.ts';

/** What the answer to a request was worth, by metric, as clients say it. */
export interface RequestMetrics {
  readonly id: string;
  readonly metrics: Iterable<readonly [metric: string, value: unknown]>;
}

interface FeedbackMetrics {
  readonly model: string;
  /** Whose requests they were; '' for the caller's own. Others' need the scope admin. */
  readonly principal: string;
  readonly requests: readonly RequestMetrics[];
}

/** Metrics in one message: few, as rollouts have. */
const mostMetrics = 20;

/** A counter for each thing that may become of a value; none where nothing was told. */
export const noMetrics: MetricCounts = { used: 0, unknown: 0, repeated: 0, unused: 0 };

/**
 * Tells rollouts what a message of feedback says of the worth of answers.
 *
 * @throws ServingError permission_denied for others' requests, invalid_argument for values that are none.
 */
export async function reportFeedback(
  { model, principal, requests }: FeedbackMetrics,
  caller: Principal,
  report: ReportMetric,
): Promise<MetricCounts> {
  const byMetric = new Map<string, MetricEntry[]>();
  let count = 0;
  for (const { id, metrics } of requests) {
    for (const [metric, value] of metrics) {
      const entries = byMetric.get(metric) ?? [];
      byMetric.set(metric, entries);
      entries.push(entryOf({ requestId: id, principal, user: '', value }, caller.name));
      count += 1;
    }
  }
  if (count === 0) return noMetrics;
  if (byMetric.size > mostMetrics || count > mostMetricEntries) {
    throw new ServingError(
      'invalid_argument',
      `more than ${mostMetrics} metrics or ${mostMetricEntries} values in one message`,
      { reason: 'ROLLOUT_METRIC' },
    );
  }
  if (principal !== '' && principal !== caller.name && !caller.scopes.has('admin')) {
    throw new ServingError('permission_denied', "metrics of others' requests need the scope 'admin'", {
      reason: 'SCOPE_MISSING',
    });
  }
  let sum = noMetrics;
  for (const [metric, entries] of byMetric) {
    const counts = await report({ model, metric, entries });
    sum = {
      used: sum.used + counts.used,
      unknown: sum.unknown + counts.unknown,
      repeated: sum.repeated + counts.repeated,
      unused: sum.unused + counts.unused,
    };
  }
  return sum;
}
