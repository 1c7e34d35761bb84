import { ServingError } from '../errors.ts';
import type {
  MetricEntry,
  MetricOutcome,
  MetricReport,
  MetricRule,
  MetricSums,
} from '../inference/arm-metrics.ts';
import { accuracyMetric, mostMetricEntries } from '../inference/arm-metrics.ts';
import type { ArmCounts } from './arm-counts.ts';
import type { Experiment } from './experiment.ts';
import type { Claim, KeptArms } from './kept-arms.ts';

interface ReportParts {
  readonly experiment: Experiment;
  /** Of an arm, by label; undefined where there is none. */
  readonly counts: (arm: string) => ArmCounts | undefined;
  readonly kept: KeptArms | undefined;
}

/** Observations in one entry that somebody has added up. */
const mostAtOnce = 1e9;

/**
 * Counts the entries of a report among the metrics of their arms; all of them or, when one is wrong, none.
 *
 * @throws ServingError invalid_argument for values out of the metric's range, and for the metric that labels feed.
 */
export function reportMetric({ metric, entries }: MetricReport, parts: ReportParts): MetricOutcome {
  const rule = parts.experiment.split.metrics.find(({ name }) => name === metric);
  const counts = { used: 0, repeated: 0, unused: 0 };
  const unknown: MetricEntry[] = [];
  if (entries.length > mostMetricEntries) {
    throw wrong(`more than ${mostMetricEntries} values in one message`);
  }
  if (rule === undefined) return { ...counts, unknown, unused: entries.length };
  // An answer whose label has come would count twice.
  if (metric === accuracyMetric) {
    throw wrong(`'${accuracyMetric}' is counted from labels: tell these, or report by another name`);
  }
  const sums = entries.map((entry) => sumsOf(entry, rule));
  for (const [index, entry] of entries.entries()) {
    const found = armOf(entry, metric, parts);
    const arm = typeof found === 'string' ? undefined : parts.counts(found.arm);
    if (arm === undefined) {
      if (found === 'repeated') counts.repeated += 1;
      else unknown.push(entry);
      continue;
    }
    arm.addMetric(metric, sums[index] ?? { count: 0, sum: 0, squares: 0 });
    counts.used += 1;
  }
  return { ...counts, unknown };
}

function armOf(entry: MetricEntry, metric: string, { experiment, kept }: ReportParts): Claim {
  if (entry.by === 'arm') return { arm: entry.arm };
  if (entry.by === 'user') return entry.user === '' ? 'unknown' : { arm: experiment.armOf(entry.user) };
  return kept?.claim(entry.principal, entry.id, metric) ?? 'unknown';
}

/** As parts of the metric's range. */
function sumsOf(entry: MetricEntry, rule: MetricRule): MetricSums {
  const { name, min, max } = rule;
  const width = max - min;
  if (entry.by !== 'arm') {
    const { value } = entry;
    if (!(value >= min && value <= max)) throw wrong(`values of '${name}' must be ${min} to ${max}`);
    const part = (value - min) / width;
    return { count: 1, sum: part, squares: part * part };
  }
  const { count, sum, squares } = entry;
  if (!(Number.isSafeInteger(count) && count >= 1 && count <= mostAtOnce)) {
    throw wrong(`count must be 1 to ${mostAtOnce}`);
  }
  const part = (sum - count * min) / width;
  if (!(part >= 0 && part <= count)) {
    throw wrong(`sum must be that of ${count} values of ${min} to ${max}`);
  }
  if (squares === undefined) return { count, sum: part, squares: part };
  const partSquares = (squares - 2 * min * sum + count * min * min) / (width * width);
  // The least for values that are all alike, with room for rounding; the most for values at both ends.
  if (!(partSquares >= (part * part) / count - 1e-6 * count && partSquares <= part + 1e-6 * count)) {
    throw wrong(`squares must be the sum of the squares of values with this sum`);
  }
  return { count, sum: part, squares: Math.min(Math.max(partSquares, (part * part) / count), part) };
}

function wrong(problem: string): ServingError {
  return new ServingError('invalid_argument', `metric: ${problem}`, { reason: 'ROLLOUT_METRIC' });
}
