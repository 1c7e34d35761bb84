import type { MetricCounts, MetricReport } from './arm-metrics.ts';

/** What one guard of a rollout has found; names as on the wire. */
export interface GuardReport {
  readonly name: string;
  /** Harm is shown. */
  readonly harm: boolean;
  /** May be looked at at any time. */
  readonly p_value: number;
  /** Means of the arms, 0 to 1. */
  readonly candidate: number;
  readonly stable: number;
  readonly candidate_samples: number;
  readonly stable_samples: number;
  readonly words: string;
}

/** One version of a rollout; names as on the wire. */
export interface ArmReport {
  readonly label: string;
  readonly version: string;
  /** Of the traffic: 0 to 100. */
  readonly percent: number;
  /** Of the goal, of an A/B test or a bandit, that were counted; 0 of others. */
  readonly observations: number;
  /** Of the goal, in its own unit; of a bandit of late. 0 without observations. */
  readonly mean: number;
  /** A guard has shown it to be harmful: it gets nothing any more. */
  readonly dropped: boolean;
}

/** How an A/B test comes on; names as on the wire. */
export interface DesignReport {
  /** Of the goal, that each arm needs. */
  readonly planned_candidate: number;
  readonly planned_stable: number;
  /** Of both arms: 0 to 1. */
  readonly progress: number;
  /** At the pace so far; 0 when it has ended, or while nobody can tell. */
  readonly expected_end_epoch_ms: number;
  readonly alpha: number;
  /** 0 where the numbers were chosen without an effect. */
  readonly power: number;
  /** The difference that is looked for, in the goal's unit. */
  readonly effect: number;
  /** 0 for looks at any time. */
  readonly looks: number;
  readonly looks_taken: number;
  /** `better`, `worse` or `open`; '' before the first look. */
  readonly outcome: string;
}

/** How a bandit has divided traffic; names as on the wire. */
export interface BanditReport {
  readonly policy: string;
  /** Estimated: rewards that were lost against the best version of each time, and that equal shares would have lost. */
  readonly regret: number;
  readonly equal_regret: number;
  /** The probability that the version that has most is the best; 0 before anything is known. */
  readonly best: number;
  /** What another version may be better by, in the goal's unit, with the probability that the plan names. */
  readonly remaining: number;
  /** What `remaining` has to come down to for the bandit to end; 0 where it does not end by itself. */
  readonly ends_at: number;
  /** Oldest first; percents in the order of the arms. */
  readonly shares: readonly { readonly at_epoch_ms: number; readonly percents: readonly number[] }[];
}

/** A rollout as it is shown to people and programs; names as on the wire. */
export interface RolloutReport {
  readonly name: string;
  readonly model: string;
  readonly strategy: string;
  readonly phase: string;
  readonly stable_version: string;
  readonly candidate_version: string;
  readonly stable_label: string;
  readonly candidate_label: string;
  /** Of the traffic, that the candidate has: 0 to 100. */
  readonly percent: number;
  /** From 1. */
  readonly step: number;
  readonly steps: number;
  /** What is waited for; '' when nothing is. */
  readonly waiting_for: string;
  readonly candidate_requests: number;
  readonly stable_requests: number;
  readonly guards: readonly GuardReport[];
  readonly arms: readonly ArmReport[];
  /** The metric that is compared or rewarded; '' where none is. */
  readonly goal: string;
  /** null of others than A/B tests, as `bandit` is of others than bandits. */
  readonly design: DesignReport | null;
  readonly bandit: BanditReport | null;
  /** A line each: what was tested, what was found, what to do, and what could be wrong. */
  readonly verdict: readonly string[];
  /** Oldest first. */
  readonly history: readonly {
    readonly at_epoch_ms: number;
    readonly who: string;
    readonly what: string;
    readonly why: string;
  }[];
}

export const rolloutActions = ['pause', 'resume', 'promote', 'abort', 'forget'] as const;

export type RolloutAction = (typeof rolloutActions)[number];

/** Who asks for a change, and why. */
export interface ChangeReason {
  readonly who: string;
  readonly why: string;
}

/** What the fronts may ask of rollouts. */
export interface RolloutAdmin {
  reports(): readonly RolloutReport[];
  /** @throws not_found */
  report(model: string): RolloutReport;
  /** @param plan YAML or JSON. @throws invalid_argument for a plan that is wrong, already_exists, failed_precondition. */
  start(plan: string, reason: ChangeReason): Promise<RolloutReport>;
  /** @returns undefined once it is forgotten. @throws not_found, failed_precondition. */
  change(model: string, action: RolloutAction, reason: ChangeReason): Promise<RolloutReport | undefined>;
  /** Counts values of a metric for answers. @throws invalid_argument for values out of range. */
  reportMetric(report: MetricReport): Promise<MetricCounts>;
}
