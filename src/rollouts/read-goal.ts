import { plannedSamples } from '../statistics/planned-samples.ts';
import {
  successMetric,
  type BanditEndPlan,
  type BanditPlan,
  type DesignPlan,
  type GoalPlan,
} from './plan.ts';
import type { PlanDocument } from './plan-document.ts';
import { wrongPlan } from './refusals.ts';

const minuteMs = 60_000;

/** What an A/B test or a bandit asks for; undefined of others. @throws ServingError invalid_argument */
export function readGoal({ strategy, goal }: PlanDocument): GoalPlan | undefined {
  if (strategy !== 'ab' && strategy !== 'bandit') {
    if (goal !== undefined) throw wrongPlan(`goal: a rollout of strategy ${strategy} has none`);
    return undefined;
  }
  const { metric = successMetric, better, range } = goal ?? {};
  if (metric === successMetric && (better !== undefined || range !== undefined)) {
    throw wrongPlan('goal: success is 1 or 0, and more is better');
  }
  const [min, max] = range ?? [0, 1];
  return { metric, better: better ?? 'higher', min, max };
}

/** Requests of each version that an A/B test has without a design. */
const usualSamples = 10_000;

/** A difference that is looked for without one that is named, as a part of the metric's range. */
const usualEffect = 0.01;

/** @throws ServingError invalid_argument */
export function readDesign(read: PlanDocument, goal: GoalPlan | undefined): DesignPlan | undefined {
  const { strategy, samples, percent = 50 } = read;
  if (strategy !== 'ab' || goal === undefined) {
    if (read.design !== undefined) throw wrongPlan(`design: a rollout of strategy ${strategy} has none`);
    return undefined;
  }
  const { baseline, sd, effect, power = 0.8, alpha = 0.05, looks = 5 } = read.design ?? {};
  const width = goal.max - goal.min;
  const base = { effect: effect === undefined ? usualEffect : effect / width, alpha, power, looks };
  const share = percent / 100;
  if (effect === undefined) {
    if (baseline !== undefined || sd !== undefined) throw wrongPlan('design.effect: is needed');
    const candidateSamples = samples ?? usualSamples;
    return { ...base, candidateSamples, stableSamples: candidateSamples, powered: false };
  }
  if (samples !== undefined) throw wrongPlan('samples: follow from design.effect; leave one of them out');
  if ((baseline === undefined) === (sd === undefined)) {
    throw wrongPlan('design: needs the baseline of a metric that is 0 or 1, or the sd of another one');
  }
  const proportion = baseline === undefined ? undefined : (baseline - goal.min) / width;
  const deviation = sd === undefined ? undefined : sd / width;
  const planned = plannedSamples({ ...base, proportion, deviation, share });
  if (planned === undefined || planned.candidate > 1e10 || planned.baseline > 1e10) {
    throw wrongPlan('design: nothing of that size can be found');
  }
  return { ...base, candidateSamples: planned.candidate, stableSamples: planned.baseline, powered: true };
}

/** @param arms the stable one among them. @throws ServingError invalid_argument */
export function readBandit(
  { strategy, bandit }: PlanDocument,
  arms: number,
  goal: GoalPlan | undefined,
): BanditPlan | undefined {
  if (strategy !== 'bandit' || goal === undefined) {
    if (bandit !== undefined) throw wrongPlan(`bandit: is for the strategy bandit`);
    return undefined;
  }
  const { policy = 'thompson', floor = 5, discount = 0.999, minutes = 1, epsilon = 0.1, end } = bandit ?? {};
  if (floor * arms > 100) throw wrongPlan(`bandit.floor: ${arms} versions cannot have ${floor} % each`);
  return {
    policy,
    floor: floor / 100,
    discount,
    intervalMs: minutes * minuteMs,
    epsilon,
    end: end && readEnd(end, goal),
  };
}

function readEnd(
  end: NonNullable<NonNullable<PlanDocument['bandit']>['end']>,
  { min, max }: GoalPlan,
): BanditEndPlan {
  const { effect, confidence, samples, minutes, mostMinutes } = end;
  if (effect >= max - min) {
    throw wrongPlan(`bandit.end.effect: must be less than the goal's range, ${max - min}`);
  }
  if (mostMinutes !== undefined && mostMinutes < minutes) {
    throw wrongPlan(`bandit.end.mostMinutes: is less than bandit.end.minutes, ${minutes}`);
  }
  return {
    effect: effect / (max - min),
    confidence,
    minSamples: samples,
    minMs: minutes * minuteMs,
    mostMs: mostMinutes === undefined ? undefined : mostMinutes * minuteMs,
  };
}
