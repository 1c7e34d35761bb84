import { z } from 'zod';
import { differenceSoFar } from '../statistics/difference-sequence.ts';
import type { Moments } from '../statistics/moments.ts';
import { obrienFleming } from '../statistics/planned-looks.ts';
import { normalPValue } from '../statistics/alternative.ts';
import { addSums, momentsOfSums, noValues } from '../statistics/value-sums.ts';
import type { ArmDelta } from './arm-delta.ts';
import { rewardsOf } from './goal.ts';
import type { DesignPlan, GoalPlan } from './plan.ts';

const count = z.number().min(0);
const sums = z.object({ count, sum: count, squares: count });
const look = z.object({
  /** Of those planned, from 1; of looks that are always allowed how many there were. */
  number: z.int().min(0),
  difference: z.number(),
  low: z.number(),
  high: z.number(),
  pValue: z.number(),
  outcome: z.enum(['better', 'worse', 'open']),
});

/** What an A/B test has seen, as it is stored: rewards of 0..1, of which more is better. */
export const trialState = z.object({
  stable: sums,
  candidate: sums,
  /** What both had in the first half of the planned observations. */
  half: z.object({ stable: sums, candidate: sums }).optional(),
  /** The newest; undefined before the first. */
  look: look.optional(),
  /** It has ended at its newest look. */
  over: z.boolean(),
});

export type TrialState = z.output<typeof trialState>;

export type TrialLook = z.output<typeof look>;

export const newTrial: TrialState = { stable: noValues, candidate: noValues, over: false };

/** The part of the planned observations that both arms have, 0..1 and beyond. */
export function progressOf({ stable, candidate }: TrialState, design: DesignPlan): number {
  return Math.min(stable.count / design.stableSamples, candidate.count / design.candidateSamples);
}

interface Trial {
  readonly goal: GoalPlan;
  readonly design: DesignPlan;
}

/** Takes in what both arms have earned. What comes after the end does not count: it was not planned for. */
export function observeTrial(
  state: TrialState,
  { goal, design }: Trial,
  stable: ArmDelta,
  candidate: ArmDelta,
): TrialState {
  if (state.over) return state;
  const next = {
    ...state,
    stable: addSums(state.stable, rewardsOf(goal, stable)),
    candidate: addSums(state.candidate, rewardsOf(goal, candidate)),
  };
  if (next.half !== undefined || progressOf(next, design) < 0.5) return next;
  return { ...next, half: { stable: next.stable, candidate: next.candidate } };
}

/** Observations of each arm below which nothing is looked at: means of fewer are not yet normal. */
const leastCount = 30;

/**
 * Looks, when a look is due. Of planned looks that were missed only the newest is taken: that errs no more often.
 *
 * @returns the same state where none is.
 */
export function lookAt(state: TrialState, design: DesignPlan): TrialState {
  if (state.over || Math.min(state.stable.count, state.candidate.count) < leastCount) return state;
  const progress = progressOf(state, design);
  if (design.looks === 'always') {
    const found = always(state, design, (state.look?.number ?? 0) + 1);
    return { ...state, look: found, over: found.outcome !== 'open' || progress >= 1 };
  }
  const number = Math.min(Math.floor(progress * design.looks), design.looks);
  if (number <= (state.look?.number ?? 0)) return state;
  const found = planned(state, { ...design, looks: design.looks }, number);
  return { ...state, look: found, over: found.outcome !== 'open' || number === design.looks };
}

function always({ stable, candidate }: TrialState, { alpha, effect }: DesignPlan, number: number): TrialLook {
  const found = differenceSoFar(momentsOfSums(candidate), momentsOfSums(stable), { alpha, effect });
  const { difference, pValue } = found;
  const [low, high] = found.interval;
  const bounds = { low: Math.max(low, -1), high: Math.min(high, 1) };
  return { number, difference, ...bounds, pValue, outcome: outcomeOf(difference, pValue <= alpha) };
}

function planned(
  { stable, candidate }: TrialState,
  { alpha, looks }: DesignPlan & { readonly looks: number },
  number: number,
): TrialLook {
  const [first, second] = [momentsOfSums(candidate), momentsOfSums(stable)];
  const difference = first.mean - second.mean;
  const error = Math.sqrt(spreadOf(first) / first.count + spreadOf(second) / second.count);
  const boundary = obrienFleming(looks, alpha)[number - 1] ?? Infinity;
  const z = difference === 0 ? 0 : difference / error;
  return {
    number,
    difference,
    low: Math.max(difference - boundary * error, -1),
    high: Math.min(difference + boundary * error, 1),
    pValue: normalPValue(z, 'different'),
    outcome: outcomeOf(difference, Math.abs(z) >= boundary),
  };
}

/** Of values that are all alike, as if half of one were 0 and half of one 1: that nobody bought yet is not certainty. */
function spreadOf(moments: Moments): number {
  const variance = moments.variance();
  if (variance > 0) return variance;
  const mean = (moments.mean * moments.count + 0.5) / (moments.count + 1);
  return mean * (1 - mean);
}

function outcomeOf(difference: number, isShown: boolean): TrialLook['outcome'] {
  if (!isShown) return 'open';
  return difference > 0 ? 'better' : 'worse';
}
