import { wrongPlan } from './refusals.ts';
import type { GuardPlan } from './plan.ts';
import type { PlanDocument } from './plan-document.ts';

/** @throws ServingError invalid_argument */
export function readGuards({
  strategy,
  guards: { errors, invalid, latency, disagreement, metric },
}: PlanDocument): readonly GuardPlan[] {
  const chosen: GuardPlan[] = [];
  if (errors !== false) chosen.push({ kind: 'errors', margin: errors.margin });
  if (invalid !== false) chosen.push({ kind: 'invalid', margin: invalid.margin });
  // Copies wait for each other, and their answers for nobody: how long that takes says little.
  if (latency !== false && strategy !== 'shadow') {
    const quantiles = [
      [0.5, latency.p50],
      [0.95, latency.p95],
      [0.99, latency.p99],
    ] as const;
    for (const [quantile, allowed] of quantiles) {
      if (allowed !== false) chosen.push({ kind: 'latency', quantile, margin: allowed });
    }
  }
  if (disagreement !== false && strategy === 'shadow') {
    chosen.push({ kind: 'disagreement', margin: disagreement.margin });
  }
  if (metric !== undefined) {
    const { name: metricName, better, margin: allowed, range } = metric;
    const part = allowed / (range[1] - range[0]);
    if (part > 1) throw wrongPlan('guards.metric: the margin is wider than the range');
    chosen.push({ kind: 'metric', metric: metricName, better, margin: part });
  }
  return chosen;
}
