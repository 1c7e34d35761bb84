import type { MetricCounts, MetricOutcome, MetricReport } from '../inference/arm-metrics.ts';

/** Asks one thread after the other, each for what those before it did not know. At least one. */
export async function reportInTurn(
  report: MetricReport,
  threads: readonly ((part: MetricReport) => Promise<MetricOutcome>)[],
): Promise<MetricCounts> {
  const counts = { used: 0, repeated: 0, unused: 0 };
  let left = report.entries;
  for (const ask of threads) {
    const outcome = await ask({ ...report, entries: left });
    counts.used += outcome.used;
    counts.repeated += outcome.repeated;
    counts.unused += outcome.unused;
    left = outcome.unknown;
    if (left.length === 0) break;
  }
  return { ...counts, unknown: left.length };
}
