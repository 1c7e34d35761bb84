import { z } from 'zod';
import { wholeWeight } from '../inference/traffic-split.ts';
import { newTrial, trialState, type TrialState } from './ab-trial.ts';
import { banditState, newBandit, type BanditState } from './bandit.ts';
import type { GuardsState } from './guards.ts';
import type { RolloutPlan } from './plan.ts';
import { readPlan } from './read-plan.ts';
import type { Place } from './rollout-store.ts';

/**
 * waiting: for the candidate to be ready. promoted: the candidate serves everybody. rolled_back: it was harmful. aborted: by
 * a person. finished: a shadow or an A/B test has what it needs, and the stable version serves everybody.
 */
export const phases = [
  'waiting',
  'running',
  'paused',
  'promoted',
  'rolled_back',
  'aborted',
  'finished',
] as const;

export type Phase = (typeof phases)[number];

/** Who did what, when and why. */
export interface HistoryEntry {
  readonly atEpochMs: number;
  /** A caller's name; `controller` for what it decided by itself. */
  readonly who: string;
  readonly what: string;
  readonly why: string;
}

/** Everything there is to know of a rollout. Immutable; a change makes a new one. */
export interface RolloutState {
  readonly plan: RolloutPlan;
  /** Of the state: grows with each change that others must see. */
  readonly revision: number;
  readonly phase: Phase;
  readonly step: number;
  /** Spent in this step, pauses apart. */
  readonly stepMs: number;
  /** Requests of this step. */
  readonly stepCandidate: number;
  readonly stepStable: number;
  /** Of the whole rollout. */
  readonly candidateRequests: number;
  readonly stableRequests: number;
  readonly guards: GuardsState;
  /** Only of an A/B test. */
  readonly trial: TrialState | undefined;
  /** Only of a bandit. */
  readonly bandit: BanditState | undefined;
  /** The arm that serves everybody once it is promoted, by its index. */
  readonly winner: number;
  /** The arms' weights until a moment at which all replicas go on to those of the phase and step; undefined when they have. */
  readonly until: { readonly epochMs: number; readonly weights: readonly number[] } | undefined;
  /** Of what replicas tell, up to where it is taken in here; undefined before anything is. */
  readonly heard: Place | undefined;
  /** Newest last. */
  readonly history: readonly HistoryEntry[];
}

/** Entries beyond these are forgotten, the oldest after the first: a rollout has some ten. */
const mostHistory = 200;

export function newState(plan: RolloutPlan, revision: number, entry: HistoryEntry): RolloutState {
  return {
    plan,
    revision,
    phase: 'waiting',
    step: 0,
    stepMs: 0,
    stepCandidate: 0,
    stepStable: 0,
    candidateRequests: 0,
    stableRequests: 0,
    guards: { tests: {}, durations: [] },
    trial: plan.design === undefined ? undefined : newTrial,
    bandit: plan.bandit === undefined ? undefined : newBandit(plan),
    winner: 1,
    until: undefined,
    heard: undefined,
    history: [entry],
  };
}

/** @param entry what changed, and why; undefined where nobody need know. */
export function changed(
  state: RolloutState,
  change: Partial<RolloutState>,
  entry: HistoryEntry | undefined,
): RolloutState {
  if (entry === undefined) return { ...state, ...change, revision: state.revision + 1 };
  const [first, ...rest] = [...state.history, entry];
  const history = first === undefined ? [] : [first, ...rest.slice(-mostHistory)];
  return { ...state, ...change, revision: state.revision + 1, history };
}

/** A pause holds the next step back, not the guards. */
export function isWatched(phase: Phase): boolean {
  return phase === 'running' || phase === 'paused';
}

export function isOver(phase: Phase): boolean {
  return phase === 'promoted' || phase === 'rolled_back' || phase === 'aborted' || phase === 'finished';
}

const count = z.number().min(0);

const stored = z.object({
  document: z.unknown(),
  revision: z.int().min(0),
  phase: z.enum(phases),
  step: z.int().min(0),
  stepMs: count,
  stepCandidate: count,
  stepStable: count,
  candidateRequests: count,
  stableRequests: count,
  guards: z.object({ tests: z.record(z.string(), z.unknown()), durations: z.array(count) }),
  trial: trialState.optional(),
  bandit: banditState.optional(),
  winner: z.int().min(0).default(1),
  until: z
    .object({ epochMs: z.number(), weights: z.array(z.int().min(0).max(wholeWeight)) })
    .optional()
    .catch(undefined),
  heard: z.object({ log: z.string(), at: count }).optional(),
  history: z
    .array(z.object({ atEpochMs: z.number(), who: z.string(), what: z.string(), why: z.string() }))
    .min(1),
});

/** As JSON, for a store. */
export function storedForm({ plan, ...state }: RolloutState): object {
  return { document: plan.document, ...state };
}

/** @throws when it is no state. */
export function readStored(raw: unknown): RolloutState {
  const { document, until, trial, bandit, heard, ...state } = stored.parse(raw);
  const plan = readPlan(document);
  return {
    plan,
    ...state,
    // A plan that is read otherwise than it was begins anew with what does not fit.
    trial: plan.design === undefined ? undefined : (trial ?? newTrial),
    bandit: plan.bandit === undefined ? undefined : fitting(plan, bandit),
    winner: Math.min(state.winner, plan.arms.length - 1),
    until: until?.weights.length === plan.arms.length ? until : undefined,
    heard,
    step: Math.min(state.step, plan.steps.length - 1),
  };
}

function fitting(plan: RolloutPlan, bandit: BanditState | undefined): BanditState {
  if (bandit === undefined) return newBandit(plan);
  const { weights, requests, rewards, fresh, totals } = bandit;
  const fits = [weights, requests, rewards, fresh, totals].every(({ length }) => length === plan.arms.length);
  const whole = weights.reduce((sum, weight) => sum + weight, 0) === wholeWeight;
  return fits && whole ? bandit : newBandit(plan);
}
