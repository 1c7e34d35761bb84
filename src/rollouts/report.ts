import type { RolloutReport } from '../inference/rollout-admin.ts';
import type { GuardFinding } from './guards.ts';
import { candidateWeight } from './split-of.ts';
import type { HistoryEntry, RolloutState } from './state.ts';
import { findingWords, verdictOf } from './verdict.ts';

/** @param hold what is waited for. */
export function reportOf(
  state: RolloutState,
  findings: readonly GuardFinding[],
  hold: string,
  epochMs: number,
): RolloutReport {
  const { plan, phase, step, history } = state;
  return {
    name: plan.name,
    model: plan.model,
    strategy: plan.strategy,
    phase,
    stable_version: plan.stable,
    candidate_version: plan.candidate,
    stable_label: plan.labels.stable,
    candidate_label: plan.labels.candidate,
    percent: candidateWeight(state, epochMs) / 100,
    step: step + 1,
    steps: plan.steps.length,
    waiting_for: hold,
    candidate_requests: state.candidateRequests,
    stable_requests: state.stableRequests,
    guards: findings.map((finding) => ({
      name: finding.name,
      harm: finding.refuted,
      p_value: finding.finding.pValue,
      candidate: meanOf(finding.finding.candidate),
      stable: meanOf(finding.finding.baseline),
      candidate_samples: finding.finding.candidate.count,
      stable_samples: finding.finding.baseline.count,
      words: findingWords(finding, plan),
    })),
    verdict: verdictOf(state, findings),
    history: history.map(({ atEpochMs, who, what, why }: HistoryEntry) => ({
      at_epoch_ms: atEpochMs,
      who,
      what,
      why,
    })),
  };
}

function meanOf({ sum, count }: { readonly sum: number; readonly count: number }): number {
  return count === 0 ? 0 : sum / count;
}
