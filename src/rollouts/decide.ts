import { newTrial, progressOf } from './ab-trial.ts';
import { endOf } from './bandit-end.ts';
import type { GuardFinding } from './guards.ts';
import type { DesignPlan } from './plan.ts';
import type { RolloutState } from './state.ts';
import { shownMinutes } from './shown-minutes.ts';
import { judgeTrial } from './trial-words.ts';
import { findingWords, percentOf } from './verdict.ts';

/** What a decision is made from, besides the state. */
export interface Evidence {
  readonly findings: readonly GuardFinding[];
  readonly candidateReady: boolean;
  /** Requests that the candidate's open breaker refused since the last look. */
  readonly broken: number;
}

/** As `Evidence`, of a bandit: a list by arm, in the plan's order. */
export interface BanditEvidence {
  readonly findings: readonly GuardFinding[];
  readonly ready: readonly boolean[];
  readonly broken: readonly number[];
}

export type Decision =
  /** `why` says what is waited for. */
  | { readonly kind: 'hold'; readonly why: string }
  | { readonly kind: 'begin' | 'complete' | 'promote' | 'roll_back'; readonly why: string }
  /** Of a bandit: an arm gets nothing any more. */
  | { readonly kind: 'drop'; readonly label: string; readonly why: string }
  | { readonly kind: 'advance'; readonly step: number; readonly why: string };

/** What to do with a rollout now. Pure. */
export function decide(state: RolloutState, { findings, candidateReady, broken }: Evidence): Decision {
  const { plan, phase, step } = state;
  const version = `version ${plan.candidate}`;
  if (phase === 'waiting') {
    return candidateReady
      ? { kind: 'begin', why: `${version} is ready` }
      : { kind: 'hold', why: `${version} is not ready` };
  }
  if (phase !== 'running' && phase !== 'paused') return { kind: 'hold', why: '' };
  if (broken > 0) {
    return { kind: 'roll_back', why: `${version} failed so often that its breaker opened` };
  }
  const harm = findings.find(({ refuted }) => refuted);
  if (harm !== undefined) return { kind: 'roll_back', why: findingWords(harm, plan) };
  if (phase === 'paused') return { kind: 'hold', why: 'somebody resumes it' };
  if (!candidateReady) return { kind: 'hold', why: `${version} is not ready` };
  if (plan.design !== undefined) return decideTrial(state, plan.design);
  const { weight, minMs, minSamples } = plan.steps[step] ?? bugStep();
  if (state.stepMs < minMs) return { kind: 'hold', why: timeLeft(minMs - state.stepMs) };
  const samples = hasBaseline(weight) ? Math.min(state.stepCandidate, state.stepStable) : state.stepCandidate;
  if (samples < minSamples) {
    return { kind: 'hold', why: `${samples} of ${minSamples} requests of this step` };
  }
  const why = `no harm found in ${state.candidateRequests} requests of ${version}`;
  return step + 1 < plan.steps.length ? { kind: 'advance', step: step + 1, why } : { kind: 'complete', why };
}

/** An A/B test goes on until it has been looked at for the last time. */
function decideTrial(state: RolloutState, design: DesignPlan): Decision {
  const { plan, trial, step } = state;
  const { minMs } = plan.steps[step] ?? bugStep();
  if (trial === undefined || !trial.over) {
    if (state.stepMs < minMs) {
      return { kind: 'hold', why: `${shownMinutes(minMs - state.stepMs)} left of its least time` };
    }
    return {
      kind: 'hold',
      why: `${percentOf(progressOf(trial ?? newTrial, design))} of the planned observations`,
    };
  }
  const { decision, found, cautions } = judgeTrial(state, trial);
  const why = trimStop(decision === 'invalid' ? (cautions[0] ?? found) : found);
  return { kind: decision === 'better' && plan.promotes ? 'promote' : 'complete', why };
}

/** What to do with a bandit now, besides new weights. Pure. */
export function decideBandit(state: RolloutState, { findings, ready, broken }: BanditEvidence): Decision {
  const { plan, phase, bandit } = state;
  if (bandit === undefined) throw new Error('bug: a bandit without a state');
  if (phase === 'waiting') {
    const first = plan.arms.findIndex((_, arm) => arm > 0 && ready[arm] === true);
    return first > 0
      ? { kind: 'begin', why: `version ${plan.arms[first]?.version} is ready` }
      : { kind: 'hold', why: 'no candidate is ready' };
  }
  if (phase !== 'running' && phase !== 'paused') return { kind: 'hold', why: '' };
  const candidates = plan.arms.slice(1).map(({ label }) => label);
  const isNew = (label: string): boolean => candidates.includes(label) && !bandit.dropped.includes(label);
  const harm = findings.find(({ refuted, label }) => refuted && isNew(label));
  const broke = plan.arms.find(({ label }, arm) => (broken[arm] ?? 0) > 0 && isNew(label));
  const label = broke?.label ?? harm?.label;
  if (label !== undefined) {
    const why =
      broke !== undefined
        ? `version ${broke.version} failed so often that its breaker opened`
        : harm === undefined
          ? ''
          : findingWords(harm, plan);
    return { kind: candidates.filter(isNew).length === 1 ? 'roll_back' : 'drop', label, why };
  }
  if (phase === 'paused') return { kind: 'hold', why: 'somebody resumes it' };
  const { end } = plan.bandit ?? {};
  if (end === undefined) return { kind: 'hold', why: '' };
  const found = endOf(state, bandit, end);
  if (found.kind === 'unclear') return { kind: 'complete', why: found.why };
  if (found.kind === 'open') return { kind: 'hold', why: found.why };
  // Who waits for a version that is away for a moment waits for it to come back.
  if (ready[found.leader] !== true) {
    return { kind: 'hold', why: `version ${plan.arms[found.leader]?.version} is not ready` };
  }
  return { kind: found.leader === 0 ? 'complete' : 'promote', why: found.why };
}

function timeLeft(ms: number): string {
  return `${shownMinutes(ms)} left of this step`;
}

function trimStop(sentence: string): string {
  return sentence.replace(/\.$/, '');
}

function hasBaseline(weight: number): boolean {
  return weight < 10_000;
}

function bugStep(): never {
  throw new Error('bug: a rollout is in a step that its plan does not have');
}
