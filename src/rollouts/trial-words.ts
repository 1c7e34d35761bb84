import { checkSampleRatio } from '../statistics/sample-ratio.ts';
import { judge, type Comparison, type Verdict } from '../statistics/verdict.ts';
import { meanOfSums } from '../statistics/value-sums.ts';
import { progressOf, type TrialState } from './ab-trial.ts';
import { valueOfReward } from './goal.ts';
import type { DesignPlan, GoalPlan } from './plan.ts';
import type { RolloutState } from './state.ts';

const dayMs = 24 * 60 * 60 * 1000;

/** Requests of few users are as many as those users like; only what is more than that is a mismatch, as a part of the share. */
const stickyTolerance = 0.05;

/** An A/B test in words: what was tested, what was found, what to do, and what could be wrong. */
export function judgeTrial(state: RolloutState, trial: TrialState): Verdict {
  const { plan, stepMs } = state;
  const { goal, design } = plan;
  if (goal === undefined || design === undefined) throw new Error('bug: an A/B test without a goal');
  const { look } = trial;
  const value = (reward: number): number => valueOfReward(goal, reward);
  const arm = (name: string, sums: TrialState['stable']): Comparison['candidate'] => ({
    name,
    count: sums.count,
    mean: value(meanOfSums(sums)),
  });
  const candidate = `version ${plan.candidate} (${plan.labels.candidate})`;
  const verdict = judge({
    measure: goal.metric === 'success' ? 'success rate' : goal.metric,
    better: goal.better,
    test: testOf(design),
    candidate: arm(candidate, trial.candidate),
    baseline: arm(`version ${plan.stable} (${plan.labels.stable})`, trial.stable),
    interval: look === undefined ? [-Infinity, Infinity] : differenceAsValues(goal, look.low, look.high),
    confidence: 1 - design.alpha,
    pValue: look?.pValue ?? 1,
    alpha: design.alpha,
    margin: 0,
    policy: design.looks === 'always' ? 'always-valid' : 'planned-looks',
    looks: look?.number ?? 0,
    plannedCount: design.candidateSamples,
    days: stepMs / dayMs,
    halves: halvesOf(trial, goal),
    decided: look === undefined ? 'open' : look.outcome,
  });
  const cautions = [...verdict.cautions, ...ownCautions(state, trial)];
  const mismatch = mismatchOf(state);
  if (mismatch === '') return { ...verdict, cautions };
  return {
    ...verdict,
    // Whichever version lost requests, lost some that may have been unlike others.
    decision: 'invalid',
    advice: 'To be found out first: why traffic was not divided as planned; this decides nothing.',
    cautions: [mismatch, ...cautions],
  };
}

function ownCautions({ plan }: RolloutState, trial: TrialState): readonly string[] {
  const cautions: string[] = [];
  if (trial.over && plan.design !== undefined && progressOf(trial, plan.design) < 1) {
    cautions.push('Stopped early: differences of tests that stop early look larger than they are.');
  }
  if (plan.stickyKeys.length > 0) {
    cautions.push('Users: requests of one user are alike, and count as if they were not.');
  }
  return cautions;
}

function testOf({ looks, power, powered, effect }: DesignPlan): string {
  const how =
    looks === 'always' ? 'mixture sequential test' : `z-test with ${looks} looks of O'Brien and Fleming`;
  return powered
    ? `${how}, power ${power} for a difference of ${Number(effect.toPrecision(4))} of the range`
    : how;
}

/** Rewards grow the other way where less is better. */
function differenceAsValues(
  { better, min, max }: GoalPlan,
  low: number,
  high: number,
): readonly [number, number] {
  const width = max - min;
  return better === 'higher' ? [low * width, high * width] : [-high * width, -low * width];
}

function halvesOf(
  { half, stable, candidate }: TrialState,
  goal: GoalPlan,
): readonly [number, number] | undefined {
  if (half === undefined) return undefined;
  const later = (all: TrialState['stable'], before: TrialState['stable']): number =>
    (all.sum - before.sum) / (all.count - before.count);
  const second = later(candidate, half.candidate) - later(stable, half.stable);
  if (!Number.isFinite(second)) return undefined;
  const unit = (goal.max - goal.min) * (goal.better === 'higher' ? 1 : -1);
  return [(meanOfSums(half.candidate) - meanOfSums(half.stable)) * unit, second * unit];
}

/** '' where the arms got the parts of the requests that they should have. */
function mismatchOf({ plan, step, stepCandidate, stepStable }: RolloutState): string {
  const part = (plan.steps[step]?.weight ?? 0) / 10_000;
  if (stepCandidate + stepStable === 0) return '';
  const { mismatch, share, pValue } = checkSampleRatio(stepCandidate, stepStable, part);
  if (!mismatch) return '';
  if (plan.stickyKeys.length > 0 && Math.abs(share - part) <= stickyTolerance * part) return '';
  const got = `${Number((share * 100).toPrecision(4))} % instead of ${Number((part * 100).toPrecision(4))} %`;
  const chance = pValue < 0.0001 ? '< 0.0001' : `= ${Number(pValue.toPrecision(2))}`;
  return `Sample-ratio mismatch: ${plan.labels.candidate} got ${got} of the requests (p ${chance}): few users send many of them, or one arm loses them.`;
}
