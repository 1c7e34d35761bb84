import type { Executor } from './executor.ts';
import type { ModelSpec } from './model-spec.ts';
import type { StatisticsRecorder } from './statistics.ts';

/** What happens to requests whose time in the queue is up. */
export interface QueuePolicy {
  readonly timeoutAction: 'reject' | 'delay';
  /** 0: none. */
  readonly defaultTimeoutMicroseconds: number;
  readonly allowTimeoutOverride: boolean;
  /** Requests; 0: the server's own caps. */
  readonly maxQueueSize: number;
}

/** Triton's scheduling choices of one model version, complete and checked. */
export interface Scheduling {
  /** Off: one request at a time, even when the model has a batch dimension. */
  readonly dynamicBatching: boolean;
  readonly preferredBatchSizes: readonly number[];
  /** How long a batch below a preferred size may wait for company; 0 by default. */
  readonly maxQueueDelayMicroseconds: number;
  readonly preserveOrdering: boolean;
  /** 0: priorities off. Otherwise 1 (first) .. levels. */
  readonly priorityLevels: number;
  readonly defaultPriorityLevel: number;
  readonly defaultQueuePolicy: QueuePolicy;
  readonly priorityQueuePolicies: ReadonlyMap<number, QueuePolicy>;
  /** The model's rows do not influence each other, by the operator's word: large requests may be split. */
  readonly rowIndependent: boolean;
}

/** One ready version of one model: what routing chooses and batching feeds. Identity matters: a reload makes a new one. */
export interface Target {
  readonly spec: ModelSpec;
  readonly scheduling: Scheduling;
  readonly executors: readonly Executor[];
  readonly statistics: StatisticsRecorder;
}

/** Finds the target of a request, or throws not_found / unavailable with the protocol's texts. */
export interface Router {
  route(model: string, version: string): Target;
}
