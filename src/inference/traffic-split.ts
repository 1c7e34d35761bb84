import type { MetricRule, MetricSums, ReportMetric } from './arm-metrics.ts';

/** Of an arm: one in ten thousand of the users or requests. */
export const wholeWeight = 10_000;

/** One version of a model that takes a part of its traffic. */
export interface Arm {
  /** `stable`, `canary`, `blue`, or any other word. */
  readonly label: string;
  readonly version: string;
  /** 0 to `wholeWeight`; the arms of a split add up to it. */
  readonly weight: number;
}

/** Where the key of a user is found: what stays the same over the requests that are to meet one arm. */
export type StickyKey =
  /** gRPC metadata or an HTTP header, in lower case. */
  | { readonly kind: 'header'; readonly name: string }
  /** Of the request. */
  | { readonly kind: 'parameter'; readonly name: string }
  /** Whom the caller's credentials name. */
  | { readonly kind: 'principal' };

/** Values of an output that are no valid answer, besides NaN and infinities. */
export interface OutputRange {
  readonly output: string;
  readonly min: number;
  readonly max: number;
}

/** When two answers to one request count as the same. */
export type Agreement =
  | { readonly kind: 'exact' }
  /** Every element within `absolute` plus `relative` times the live one's size. */
  | { readonly kind: 'tolerance'; readonly absolute: number; readonly relative: number }
  /** Each row's largest element stands at the same place. */
  | { readonly kind: 'top1' }
  /** The places of each row's `count` largest elements are the same, in the same order. */
  | { readonly kind: 'rank'; readonly count: number };

/** A version that is given copies of requests after they were answered, and whose answers nobody gets. */
export interface ShadowCopies {
  readonly label: string;
  readonly version: string;
  /** Requests that are copied: 0 to `wholeWeight`. */
  readonly weight: number;
  readonly agreement: Agreement;
  /** Outputs that are compared otherwise, by name. */
  readonly outputs: Readonly<Record<string, Agreement>>;
}

/**
 * How requests to one model that name no version are divided. Plain data, so that it crosses threads. The first arm is the
 * baseline: what others are compared with, and where their requests go when they cannot answer.
 */
export interface TrafficSplit {
  readonly experiment: string;
  /** Experiments with different salts divide the same users independently. */
  readonly salt: string;
  /** The first that a request has counts; a request without any is divided by chance. */
  readonly stickyKeys: readonly StickyKey[];
  readonly arms: readonly Arm[];
  /** Numbers of answers are looked at. */
  readonly checksOutputs: boolean;
  readonly ranges: readonly OutputRange[];
  /** What may be reported for answers; with any, the arms of requests that have an id are kept for a while. */
  readonly metrics: readonly MetricRule[];
  readonly shadow: ShadowCopies | undefined;
}

/** By model. Swapped as a whole. */
export type TrafficSplits = ReadonlyMap<string, TrafficSplit>;

/** Which arm answers a request; shared by all requests of the arm. */
export interface Assignment {
  readonly experiment: string;
  readonly arm: string;
  readonly version: string;
}

/** What one thread has counted of one arm since it knows it; requests that a tester sent to an arm are not among them. */
export interface ArmReading extends Assignment {
  readonly model: string;
  readonly requests: number;
  /** Requests that the version failed to answer: INTERNAL and UNAVAILABLE. */
  readonly failures: number;
  /** Answers with NaN, infinities, or values out of range. */
  readonly invalid: number;
  /** Requests that the baseline answered because this arm could not. */
  readonly fallbacks: number;
  /** Of those, because its breaker was open. */
  readonly broken: number;
  /** Answers by duration; see `util/log-buckets.ts`. */
  readonly durations: readonly number[];
  /** Of a shadow: answers that were compared, and that differed; copies that were given up for lack of room. */
  readonly compared: number;
  readonly differed: number;
  readonly dropped: number;
  /** What was reported in this thread, by metric. */
  readonly metrics: Readonly<Record<string, MetricSums>>;
}

/** Where requests are divided, and counted by arm: the data plane of one thread, or of all. */
export interface SplitTraffic {
  /** Resolves when every request that comes later is divided by it. */
  split(splits: TrafficSplits): Promise<void>;
  /** One list for each thread, by the thread's name. Counts of a thread only grow while it lives. */
  readArms(): Promise<ReadonlyMap<string, readonly ArmReading[]>>;
  /** Among the metrics of their arms. */
  readonly report: ReportMetric;
}
