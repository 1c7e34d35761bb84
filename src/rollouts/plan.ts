import type { Agreement, OutputRange, StickyKey } from '../inference/traffic-split.ts';

/**
 * canary: a growing part of the users. blue-green: everybody at once, with the old version kept for a while. shadow: copies, whose
 * answers nobody gets. ab: a fixed part, until there are as many samples as planned.
 */
export const strategies = ['canary', 'blue-green', 'shadow', 'ab'] as const;

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
  /** A number of 0..1 that is reported for answers. */
  | {
      readonly kind: 'metric';
      readonly metric: string;
      readonly better: 'higher' | 'lower';
      readonly margin: number;
    };

/** How a new version of a model is brought to its users: complete and checked. */
export interface RolloutPlan {
  readonly name: string;
  readonly model: string;
  readonly strategy: Strategy;
  readonly stable: string;
  readonly candidate: string;
  readonly labels: { readonly stable: string; readonly candidate: string };
  readonly stickyKeys: readonly StickyKey[];
  readonly salt: string;
  /** At least one. After the last the rollout is complete. */
  readonly steps: readonly RolloutStep[];
  /** Probability that any guard stops a candidate that is as good as the baseline; each guard has an equal part. */
  readonly alpha: number;
  readonly guards: readonly GuardPlan[];
  readonly ranges: readonly OutputRange[];
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
