import type { ArmReport, BanditReport, DesignReport, RolloutReport } from '../inference/rollout-admin.ts';
import { meanOfSums, noValues, type ValueSums } from '../statistics/value-sums.ts';
import { progressOf } from './ab-trial.ts';
import { valueOfReward } from './goal.ts';
import type { GuardFinding } from './guards.ts';
import { candidateWeight, weightsOf } from './split-of.ts';
import type { HistoryEntry, RolloutState } from './state.ts';
import { findingWords, verdictOf } from './verdict.ts';

interface Reported {
  readonly state: RolloutState;
  readonly findings: readonly GuardFinding[];
  /** What is waited for. */
  readonly hold: string;
  /** Now. */
  readonly epochMs: number;
}

/** A rollout as it is shown to people and programs. */
export function reportOf(reported: Reported): RolloutReport {
  const { state, findings, hold, epochMs } = reported;
  const { plan, phase, step, history } = state;
  return {
    name: plan.name,
    model: plan.model,
    strategy: plan.strategy,
    phase,
    stable_version: plan.stable,
    candidate_version: plan.arms
      .slice(1)
      .map(({ version }) => version)
      .join(', '),
    stable_label: plan.labels.stable,
    candidate_label: plan.arms
      .slice(1)
      .map(({ label }) => label)
      .join(', '),
    percent: candidateWeight(state, epochMs) / 100,
    step: step + 1,
    steps: plan.steps.length,
    waiting_for: phase === 'waiting' || phase === 'running' || phase === 'paused' ? hold : '',
    candidate_requests: state.candidateRequests,
    stable_requests: state.stableRequests,
    guards: findings.map((finding) => ({
      name: plan.arms.length > 2 ? `${finding.name} of ${finding.label}` : finding.name,
      harm: finding.refuted,
      p_value: finding.finding.pValue,
      candidate: meanOfCounts(finding.finding.candidate),
      stable: meanOfCounts(finding.finding.baseline),
      candidate_samples: finding.finding.candidate.count,
      stable_samples: finding.finding.baseline.count,
      words: findingWords(finding, plan),
    })),
    arms: armsOf(state, epochMs),
    goal: plan.goal?.metric ?? '',
    design: designOf(state, epochMs),
    bandit: banditOf(state),
    verdict: verdictOf(state, findings),
    history: history.map(({ atEpochMs, who, what, why }: HistoryEntry) => ({
      at_epoch_ms: atEpochMs,
      who,
      what,
      why,
    })),
  };
}

function armsOf(state: RolloutState, epochMs: number): readonly ArmReport[] {
  const { plan, trial, bandit } = state;
  const weights = weightsOf(state, epochMs);
  const totals: readonly ValueSums[] =
    bandit?.totals ?? (trial === undefined ? [] : [trial.stable, trial.candidate]);
  return plan.arms.map(({ label, version }, arm) => {
    const { count } = totals[arm] ?? noValues;
    const known = bandit?.rewards[arm] ?? totals[arm] ?? noValues;
    return {
      label,
      version,
      percent: (weights[arm] ?? 0) / 100,
      observations: count,
      mean: plan.goal === undefined || known.count === 0 ? 0 : valueOfReward(plan.goal, meanOfSums(known)),
      dropped: bandit?.dropped.includes(label) ?? false,
    };
  });
}

function designOf({ plan, trial, stepMs, phase }: RolloutState, epochMs: number): DesignReport | null {
  const { design, goal } = plan;
  if (design === undefined || goal === undefined || trial === undefined) return null;
  const progress = Math.min(progressOf(trial, design), 1);
  const isGoing = phase === 'running' && !trial.over && progress > 0;
  const leftMs = Math.max(stepMs / progress, plan.steps[0]?.minMs ?? 0) - stepMs;
  return {
    planned_candidate: design.candidateSamples,
    planned_stable: design.stableSamples,
    progress,
    expected_end_epoch_ms: isGoing ? Math.round(epochMs + leftMs) : 0,
    alpha: design.alpha,
    power: design.powered ? design.power : 0,
    effect: design.effect * (goal.max - goal.min),
    looks: design.looks === 'always' ? 0 : design.looks,
    looks_taken: trial.look?.number ?? 0,
    outcome: trial.look?.outcome ?? '',
  };
}

function banditOf({ plan, bandit }: RolloutState): BanditReport | null {
  if (bandit === undefined || plan.bandit === undefined || plan.goal === undefined) return null;
  const unit = plan.goal.max - plan.goal.min;
  return {
    policy: plan.bandit.policy,
    regret: bandit.regret * unit,
    equal_regret: bandit.equalRegret * unit,
    best: bandit.outlook?.best ?? 0,
    remaining: (bandit.outlook?.remaining ?? 1) * unit,
    ends_at: (plan.bandit.end?.effect ?? 0) * unit,
    shares: bandit.shares.map(({ atEpochMs, weights }) => ({
      at_epoch_ms: atEpochMs,
      percents: weights.map((weight) => weight / 100),
    })),
  };
}

function meanOfCounts({ sum, count }: { readonly sum: number; readonly count: number }): number {
  return count === 0 ? 0 : sum / count;
}
