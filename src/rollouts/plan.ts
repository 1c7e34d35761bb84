import type { MetricRule } from '../inference/arm-metrics.ts';
import type { Agreement, OutputRange, StickyKey } from '../inference/traffic-split.ts';
import type { BanditPolicy } from '../statistics/bandit-shares.ts';

/**
 * canary: a growing part of the users. blue-green: everybody at once, with the old version kept for a while. shadow: copies, whose
 * answers nobody gets. ab: a fixed part, until there are as many samples as planned. bandit: several versions, of which those that are
 * rewarded more get more.
 */
export const strategies = ['canary', 'blue-green', 'shadow', 'ab', 'bandit'] as const;

export type Strategy = (typeof strategies)[number];

/** A part of the traffic, and what is needed before the next one. */
export interface RolloutStep {
  /** Of the candidate, in ten-thousandths. */
  readonly weight: number;
  readonly minMs: number;
  /** Requests that the candidate, and the baseline where it has a part, must have answered in this step. */
  readonly minSamples: number;
}

/** One thing that must not get worse: `candidate <= baseline + margin`, of a part of all requests. */
export type GuardPlan =
  | { readonly kind: 'errors' | 'invalid' | 'disagreement'; readonly margin: number }
  /** Requests slower than the baseline's quantile, of which the baseline has `1 - quantile` itself. */
  | { readonly kind: 'latency'; readonly quantile: number; readonly margin: number }
  /** A number that is reported for answers; the margin is a part of its range. */
  | {
      readonly kind: 'metric';
      readonly metric: string;
      readonly better: 'higher' | 'lower';
      readonly margin: number;
    };

/** The metric that needs no report: whether a request was answered, with numbers that are numbers. */
export const successMetric = 'success';

/** What an A/B test compares, and a bandit is rewarded by. */
export interface GoalPlan {
  readonly metric: string;
  readonly better: 'higher' | 'lower';
  /** Of the metric's values. */
  readonly min: number;
  readonly max: number;
}

/** How an A/B test is analysed. */
export interface DesignPlan {
  /** Observations of the goal that are planned for. */
  readonly candidateSamples: number;
  readonly stableSamples: number;
  /** The smallest difference worth finding, as a part of the metric's range. */
  readonly effect: number;
  /** Whether the numbers above were computed from it. */
  readonly powered: boolean;
  readonly alpha: number;
  readonly power: number;
  /** O'Brien and Fleming's planned looks, or the mixture test that may be looked at always. */
  readonly looks: number | 'always';
}

/** How a bandit divides traffic. */
export interface BanditPlan {
  readonly policy: BanditPolicy;
  /** What each version has at least, 0..1. */
  readonly floor: number;
  /** What a reward is still worth after another interval with rewards. */
  readonly discount: number;
  readonly intervalMs: number;
  readonly epsilon: number;
  /** When it ends by itself; undefined: never. */
  readonly end: BanditEndPlan | undefined;
}

/** A bandit ends once no other version can be better by more than is worth waiting for. */
export interface BanditEndPlan {
  /** What is not worth waiting for, as a part of the metric's range. */
  readonly effect: number;
  /** The probability with which no other version is better by more. */
  readonly confidence: number;
  /** Observations that each version needs. */
  readonly minSamples: number;
  readonly minMs: number;
  /** After which it ends without a winner. */
  readonly mostMs: number | undefined;
}

/** A version, and what it is called. */
export interface PlannedArm {
  readonly label: string;
  readonly version: string;
}

/** How a new version of a model is brought to its users: complete and checked. */
export interface RolloutPlan {
  readonly name: string;
  readonly model: string;
  readonly strategy: Strategy;
  readonly stable: string;
  /** Of several the first. */
  readonly candidate: string;
  readonly labels: { readonly stable: string; readonly candidate: string };
  /** The stable one before all candidates, of which only a bandit has several. */
  readonly arms: readonly PlannedArm[];
  readonly stickyKeys: readonly StickyKey[];
  readonly salt: string;
  /** At least one. After the last the rollout is complete. */
  readonly steps: readonly RolloutStep[];
  /** Probability that any guard stops a candidate that is as good as the baseline; each guard has an equal part. */
  readonly alpha: number;
  readonly guards: readonly GuardPlan[];
  readonly ranges: readonly OutputRange[];
  /** What may be reported for answers. */
  readonly metrics: readonly MetricRule[];
  /** Only of A/B tests and bandits. */
  readonly goal: GoalPlan | undefined;
  /** Only of an A/B test. */
  readonly design: DesignPlan | undefined;
  /** Only of a bandit. */
  readonly bandit: BanditPlan | undefined;
  /** An A/B test that the candidate wins promotes it by itself. */
  readonly promotes: boolean;
  /** Only of a shadow. */
  readonly shadow:
    | {
        readonly weight: number;
        readonly agreement: Agreement;
        readonly outputs: Readonly<Record<string, Agreement>>;
      }
    | undefined;
  /** What the plan was read from, to be kept. */
  readonly document: unknown;
}

/** What a guard is called, in every report. */
export function guardName(guard: GuardPlan): string {
  if (guard.kind === 'latency') return `latency p${guard.quantile * 100}`;
  return guard.kind === 'metric' ? `metric ${guard.metric}` : guard.kind;
}
