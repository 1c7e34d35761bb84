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
  /**
   * Takes values of 0..1 in that were reported for answers of an arm.
   *
   * @returns whether a guard of the model's rollout uses them.
   */
  observeMetric(model: string, metric: string, arm: string, values: MetricValues): boolean;
}

export interface MetricValues {
  readonly sum: number;
  readonly count: number;
}
