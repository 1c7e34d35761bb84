import type { GuardFinding } from './guards.ts';
import type { RolloutState } from './state.ts';
import { findingWords } from './verdict.ts';

/** What a decision is made from, besides the state. */
export interface Evidence {
  readonly findings: readonly GuardFinding[];
  readonly candidateReady: boolean;
  /** Requests that the candidate's open breaker refused since the last look. */
  readonly broken: number;
}

export type Decision =
  /** `why` says what is waited for. */
  | { readonly kind: 'hold'; readonly why: string }
  | { readonly kind: 'begin' | 'complete' | 'roll_back'; readonly why: string }
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
  const { weight, minMs, minSamples } = plan.steps[step] ?? bugStep();
  if (state.stepMs < minMs) {
    return { kind: 'hold', why: `${shownMinutes(minMs - state.stepMs)} left of this step` };
  }
  const samples = hasBaseline(weight) ? Math.min(state.stepCandidate, state.stepStable) : state.stepCandidate;
  if (samples < minSamples) {
    return { kind: 'hold', why: `${samples} of ${minSamples} requests of this step` };
  }
  const why = `no harm found in ${state.candidateRequests} requests of ${version}`;
  return step + 1 < plan.steps.length ? { kind: 'advance', step: step + 1, why } : { kind: 'complete', why };
}

function hasBaseline(weight: number): boolean {
  return weight < 10_000;
}

function shownMinutes(ms: number): string {
  return ms >= 60_000 ? `${Math.ceil(ms / 60_000)} min` : `${Math.ceil(ms / 1000)} s`;
}

function bugStep(): never {
  throw new Error('bug: a rollout is in a step that its plan does not have');
}
