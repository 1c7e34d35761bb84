import type { Interval } from './alternative.ts';
import { checkSampleRatio } from './sample-ratio.ts';

/** How often a comparison may be looked at. */
export type LookPolicy = 'always-valid' | 'planned-looks' | 'one-look';

export interface ComparedArm {
  readonly name: string;
  readonly count: number;
  readonly mean: number;
}

/** A comparison that has been computed, and how it came about. */
export interface Comparison {
  /** In words, in the singular: 'error rate'. */
  readonly measure: string;
  readonly better: 'lower' | 'higher';
  /** Of the test, with its settings: 'two-proportion z-test, two-sided'. */
  readonly test: string;
  readonly candidate: ComparedArm;
  readonly baseline: ComparedArm;
  /** Of the candidate less the baseline. */
  readonly interval: Interval;
  readonly confidence: number;
  readonly pValue: number;
  readonly alpha: number;
  /** How much worse the candidate may be and still do, at least 0; 0 asks for a difference only. */
  readonly margin: number;
  readonly policy: LookPolicy;
  /** How often somebody has looked so far, this time included. */
  readonly looks: number;
  /** Observations of the candidate that were planned for; undefined where nothing was planned. */
  readonly plannedCount?: number | undefined;
  /** The candidate's share of traffic as configured; undefined where it changed on the way. */
  readonly expectedShare?: number | undefined;
  readonly days?: number | undefined;
  /** The difference in the first and in the second half of the time, where it is known. */
  readonly halves?: readonly [first: number, second: number] | undefined;
  /** What a sequential test decided by its own boundaries, which the p-value of one look does not know; undefined compares with alpha. */
  readonly decided?: 'better' | 'worse' | 'open' | undefined;
}

export type Decision = 'better' | 'worse' | 'not-worse' | 'undecided' | 'invalid';

/** A comparison for people to act on. */
export interface Verdict {
  readonly decision: Decision;
  readonly tested: string;
  readonly found: string;
  readonly advice: string;
  /** What could be wrong with it; empty where nothing was noticed. */
  readonly cautions: readonly string[];
}

/** Puts a comparison into words: what was tested, what was found, what to do, and what could be wrong. */
export function judge(comparison: Comparison): Verdict {
  const cautions = findCautions(comparison);
  const decision = decide(comparison);
  return {
    decision,
    tested: describeTest(comparison),
    found: describeFinding(comparison),
    advice: advise(decision, comparison),
    cautions,
  };
}

function decide(comparison: Comparison): Decision {
  if (hasMismatch(comparison)) return 'invalid';
  const { decided } = comparison;
  if (decided !== undefined) return decided === 'open' ? 'undecided' : decided;
  const { interval, better, margin, pValue, alpha } = comparison;
  // How much worse the candidate is, at least and at most.
  const [least, most] = better === 'lower' ? interval : [-interval[1], -interval[0]];
  if (pValue <= alpha && least > margin) return 'worse';
  if (pValue <= alpha && most < 0) return 'better';
  return margin > 0 && most < margin ? 'not-worse' : 'undecided';
}

function hasMismatch({ candidate, baseline, expectedShare }: Comparison): boolean {
  if (expectedShare === undefined || candidate.count + baseline.count === 0) return false;
  return checkSampleRatio(candidate.count, baseline.count, expectedShare).mismatch;
}

function describeTest({
  measure,
  candidate,
  baseline,
  test,
  alpha,
  margin,
  policy,
  better,
}: Comparison): string {
  const looks = {
    'always-valid': 'valid however often it is looked at',
    'planned-looks': 'valid at the planned looks',
    'one-look': 'valid for one look at the end',
  }[policy];
  const allowed =
    margin > 0 ? `, which may be ${number(margin)} ${better === 'lower' ? 'higher' : 'lower'}` : '';
  return (
    `The ${measure} of ${candidate.name} against that of ${baseline.name}${allowed} (${better} is better): ` +
    `${test}, ${looks}, alpha ${number(alpha)}.`
  );
}

function describeFinding({ measure, candidate, baseline, interval, confidence, pValue }: Comparison): string {
  const difference = candidate.mean - baseline.mean;
  const range = Number.isFinite(interval[0] + interval[1])
    ? `${signed(interval[0])} to ${signed(interval[1])}`
    : 'not known yet';
  return (
    `The ${measure} is ${number(candidate.mean)} in ${candidate.count} observations of ${candidate.name} and ` +
    `${number(baseline.mean)} in ${baseline.count} of ${baseline.name}: ${signed(difference)} ` +
    `(${number(confidence * 100)} % interval ${range}, p ${pValue < 0.0001 ? '< 0.0001' : `= ${number(pValue)}`}).`
  );
}

function advise(decision: Decision, { candidate, baseline, plannedCount }: Comparison): string {
  const seenAll = plannedCount !== undefined && candidate.count >= plannedCount;
  const advice = {
    better: `Promote ${candidate.name}.`,
    worse: `Go back to ${baseline.name}.`,
    'not-worse': `${candidate.name} can replace ${baseline.name}: it is not worse by more than was allowed.`,
    invalid: 'Decide nothing from this: find out why traffic was not split as configured, and start again.',
    undecided: seenAll
      ? `Keep ${baseline.name}: the planned number of observations shows no difference, so if there is one, it is small.`
      : `Go on: this is not enough to tell ${candidate.name} from ${baseline.name}.`,
  } as const satisfies Record<Decision, string>;
  return advice[decision];
}

function findCautions(comparison: Comparison): readonly string[] {
  const { policy, looks, pValue, alpha, plannedCount, candidate, baseline, days, halves } = comparison;
  const cautions: string[] = [];
  const { expectedShare, decided } = comparison;
  if (expectedShare !== undefined && hasMismatch(comparison)) {
    const { share, pValue: chance } = checkSampleRatio(candidate.count, baseline.count, expectedShare);
    cautions.push(
      `Sample-ratio mismatch: ${candidate.name} got ${percent(share)} of the observations instead of ` +
        `${percent(expectedShare)} (p ${chance < 0.0001 ? '< 0.0001' : `= ${number(chance)}`}), so the arms may not be comparable.`,
    );
  }
  if (policy === 'one-look' && looks > 1) {
    cautions.push(
      `Peeking: looked at ${looks} times with a test that allows one look; its false alarms are more frequent than alpha.`,
    );
  }
  const undecided = decided === undefined ? pValue > alpha : decided === 'open';
  if (undecided && plannedCount !== undefined && candidate.count < plannedCount) {
    cautions.push(
      `Underpowered: ${candidate.count} of ${Math.ceil(plannedCount)} planned observations; that no difference is seen does not mean that there is none.`,
    );
  }
  if (days !== undefined && days < 7) {
    cautions.push(
      `Novelty: ${duration(days)} are less than a week; users react to what is new, and weekends are unlike other days.`,
    );
  }
  if (halves !== undefined && halves[0] !== 0 && Math.abs(halves[1]) < Math.abs(halves[0]) / 2) {
    cautions.push(
      `Novelty: the difference was ${signed(halves[0])} in the first half of the time and ${signed(halves[1])} in the second, so it may be wearing off.`,
    );
  }
  return cautions;
}

function duration(days: number): string {
  if (days >= 1) return `${Number(days.toPrecision(2))} days`;
  const minutes = Math.round(days * 24 * 60);
  return minutes < 120 ? `${minutes} minutes` : `${Math.round(minutes / 60)} hours`;
}

function number(value: number): string {
  return `${Number(value.toPrecision(4))}`;
}

function signed(value: number): string {
  return value > 0 ? `+${number(value)}` : number(value);
}

function percent(share: number): string {
  return `${number(share * 100)} %`;
}
