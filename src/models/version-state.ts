import type { Target } from '../inference/target.ts';
import type { LatencySnapshot, StatisticsRecorder, StatisticsSnapshot } from '../inference/statistics.ts';
import type { OpenedModel } from '../inference/executor.ts';
import type { ModelConfig } from './config.ts';

/** Statistics of one load of one version, as the registry needs them. */
export type ModelCounters = StatisticsRecorder & {
  snapshot(): StatisticsSnapshot;
  latencies(): LatencySnapshot;
};

/** What routing and readers use of a version that serves. */
export interface ReadableVersion {
  readonly target: Target;
  readonly config: ModelConfig;
  readonly counters: ModelCounters;
}

/** A version that serves, with all that it holds. */
export interface ServedVersion extends ReadableVersion {
  readonly opened: OpenedModel;
  /** What it was made from: equal stamps need no reload. */
  readonly stamp: string;
  /** How long loading it took, warm-up included. */
  readonly loadMs: number;
}

/**
 * One version of one model. `ready` keeps serving through a reload; `problem` then says why the last reload failed.
 * Reported on this side of a transition: ready after the target can be routed to, unloading before it no longer can.
 */
export type VersionState<Served extends ReadableVersion = ServedVersion> =
  | { readonly kind: 'loading' }
  | { readonly kind: 'ready'; readonly served: Served; readonly problem: string }
  | { readonly kind: 'unloading' }
  | { readonly kind: 'unavailable'; readonly reason: string };
