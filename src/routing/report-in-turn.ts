import type { MetricCounts, MetricOutcome, MetricReport } from '../inference/arm-metrics.ts';

/**
 * Asks one thread after the other, each for what those before it did not know. At least one. A thread that knows nothing of the rollout
 * says nothing: it may have started just now, or not been told yet.
 */
export async function reportInTurn(
  report: MetricReport,
  threads: readonly ((part: MetricReport) => Promise<MetricOutcome>)[],
): Promise<MetricCounts> {
  const counts = { used: 0, repeated: 0 };
  let left = report.entries;
  let isUsed = false;
  for (const ask of threads) {
    const outcome = await ask({ ...report, entries: left });
    if (outcome.unused > 0) continue;
    isUsed = true;
    counts.used += outcome.used;
    counts.repeated += outcome.repeated;
    left = outcome.unknown;
    if (left.length === 0) break;
  }
  return isUsed
    ? { ...counts, unused: 0, unknown: left.length }
    : { ...counts, unused: left.length, unknown: 0 };
}
