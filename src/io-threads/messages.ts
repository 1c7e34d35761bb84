import type { TargetInspection } from '../batching/inspection.ts';
import type { Options } from '../config/options.ts';
import type { LoadWish } from '../inference/catalog.ts';
import type { Feedback, FeedbackCounts } from '../inference/monitoring.ts';
import type { EnsemblePlan } from '../inference/ensemble.ts';
import type { Batch, BatchResult, SessionMetadata, SessionPlan } from '../inference/executor.ts';
import type { ModelSpec } from '../inference/model-spec.ts';
import type { ModuleDeclaration } from '../inference/processing.ts';
import type { MetricCounts, MetricOutcome, MetricReport } from '../inference/arm-metrics.ts';
import type { Principal } from '../inference/principal.ts';
import type { InferRequest } from '../inference/request.ts';
import type { InferResponse } from '../inference/response.ts';
import type { LogSettings, TraceSettings } from '../inference/server-settings.ts';
import type { SystemRegion } from '../inference/shared-memory.ts';
import type { SequencePlan } from '../inference/sequence.ts';
import type { RehearsedCost, Scheduling } from '../inference/target.ts';
import type { ArmReading, TrafficSplits } from '../inference/traffic-split.ts';
import type { ReadableVersion, VersionState } from '../models/version-state.ts';
import type { LogLevel } from '../observability/log.ts';
import type { ThreadObservation } from '../observability/observation.ts';
import type { Sighting } from '../quality/request-sampler.ts';
import type { RegionHandle } from '../shared-memory/region.ts';

/** What an I/O thread is started with. */
export interface IoThreadSetup {
  /** From 0. */
  readonly index: number;
  readonly options: Options;
  /** Of the ByteBudget that all threads share. */
  readonly budget: SharedArrayBuffer;
  readonly settings: SettingsState;
  /** Registered shared memory; undefined where clients may not have any. */
  readonly regions: readonly RegionHandle[] | undefined;
  /** A random secret that hashes in the prediction log are made with, unless it names one. */
  readonly predictionKey: Uint8Array;
}

/** How metrics name an I/O thread. */
export function threadName(index: number): string {
  return `io-${index}`;
}

/** What the main thread calls in an I/O thread. */
export interface ThreadCalls {
  /** Opens the thread's listeners. */
  listen(asked: ListenPorts): Listening;
  /** Opens sessions of its own, to be known by a number that the main thread chose; without a plan none, for an ensemble. */
  open(asked: { readonly id: number; readonly plan: SessionPlan | undefined }): Opened;
  /** Closes them. Nothing may use them any more. */
  close(asked: { readonly id: number }): void;
  /** Runs one batch on one executor of a model that nothing is routed to yet. */
  run(asked: { readonly id: number; readonly executor: number; readonly batch: Batch }): BatchResult;
  /** Answered once later requests are routed by it. */
  publish(publication: Publication): void;
  /** Answered once nothing of a model that is out of routing waits or runs. */
  drained(asked: { readonly id: number }): void;
  settings(state: SettingsState): void;
  /** All registered shared memory, as it is now. */
  regions(regions: readonly RegionHandle[]): void;
  /** Answered once no request uses a region any more that is no longer registered. */
  regionIdle(asked: { readonly id: number }): void;
  infer(asked: ForwardedRequest): InferResponse;
  /** Nobody waits for a forwarded request any more. */
  cancel(asked: { readonly number: number }): void;
  /** Forgets cached answers; of all models for ''. Answered with how many there were. */
  purge(asked: { readonly model: string; readonly at: number }): number;
  inspect(asked: undefined): readonly TargetInspection[];
  observe(asked: undefined): ThreadObservation;
  readArms(asked: undefined): readonly ArmReading[];
  /** What was seen of watched models' requests since the last call. */
  sightings(asked: undefined): ThreadSightings;
  /** What of it is of this thread's requests is counted. */
  report(asked: MetricReport): MetricOutcome;
  drain(asked: { readonly graceMs: number }): void;
  /** The last call: the thread ends by itself once it has nothing left. */
  end(asked: undefined): void;
}

/** What an I/O thread calls in the main thread. */
export interface MainCalls {
  load(asked: { readonly model: string; readonly overrides: LoadWish }): void;
  unload(asked: { readonly model: string; readonly unloadDependents: boolean }): void;
  /** Answered once all threads have it. */
  changeLog(change: Partial<LogSettings>): void;
  changeTrace(asked: {
    readonly model: string;
    readonly change: ReadonlyMap<string, readonly string[] | undefined>;
  }): void;
  /** Answered once all threads know of it. */
  registerRegion(asked: { readonly caller: string; readonly region: SystemRegion }): void;
  unregisterRegion(asked: { readonly caller: string; readonly name: string }): void;
  log(line: LogLine): void;
  feedback(asked: { readonly feedback: Feedback; readonly caller: Principal }): FeedbackCounts;
  /** Of requests that any thread answered. */
  reportMetric(asked: MetricReport): MetricCounts;
  qualityReport(asked: WatchedModel): object;
  qualityProfile(asked: WatchedModel): object;
  qualityPage(asked: WatchedModel): string;
}

export interface WatchedModel {
  readonly model: string;
  /** '' for all. */
  readonly version: string;
}

export interface ThreadSightings {
  /** With the numbers of the models' sessions. */
  readonly sightings: readonly { readonly id: number; readonly sighting: Sighting }[];
  readonly unread: readonly {
    readonly id: number;
    readonly failures: number;
    readonly dropped: number;
    /** The last failure, for the log. */
    readonly problem: string;
  }[];
}

/** Of gRPC and HTTP; 0 picks a free one. */
export interface ListenPorts {
  readonly port: number;
  readonly httpPort: number;
}

export interface Listening extends ListenPorts {
  readonly addresses: readonly string[];
  readonly httpAddress: string;
}

export interface Opened {
  readonly metadata: SessionMetadata;
  /** How many. */
  readonly executors: number;
  /** Of the module that was opened with them, where there is one. */
  readonly declaration?: ModuleDeclaration | undefined;
}

/** All models as they are now. A target is described once to each thread and referred to by the number of its sessions. */
export interface Publication {
  /** The server's readiness. */
  readonly ready: boolean;
  /** What it starts with is still being loaded: of what is not there nobody can say that it will not come. */
  readonly starting: boolean;
  readonly models: readonly PublishedModel[];
  readonly added: readonly NewTarget[];
  readonly splits: TrafficSplits;
}

export interface PublishedModel {
  readonly name: string;
  readonly intended: boolean;
  readonly problem: string;
  readonly ready: boolean;
  readonly versions: ReadonlyMap<string, PublishedState>;
}

/** A version's state, with the sessions' number in place of what only its own thread can hold. */
export type PublishedState =
  | { readonly kind: 'ready'; readonly id: number; readonly problem: string }
  | Exclude<VersionState, { readonly kind: 'ready' }>;

export interface NewTarget {
  readonly id: number;
  readonly spec: ModelSpec;
  readonly scheduling: Scheduling;
  readonly ensemble?: EnsemblePlan | undefined;
  /** Of a model of many steps: each request stays in the thread that received it. */
  readonly steps?: NewSteps | undefined;
  /** Of a model with a processing module: the spec of the model that the module stands before. */
  readonly processed?: ModelSpec | undefined;
  readonly rehearsed: readonly RehearsedCost[];
  readonly sample: Batch | undefined;
  readonly config: ReadableVersion['config'];
  /** Of the statistics, one for each thread. */
  readonly memories: readonly SharedArrayBuffer[];
  /** '' when requests may share a batch. */
  readonly batchingOffReason: string;
}

/** What a thread needs to run the steps of requests. */
export interface NewSteps {
  /** With the slots of one thread; the other bounds hold for each thread by itself. */
  readonly plan: Omit<SequencePlan, 'model'>;
  /** Of the model with all its inputs and outputs. */
  readonly spec: ModelSpec;
}

/** Log and trace settings of the process: the main thread owns them. */
export interface SettingsState {
  readonly level: LogLevel;
  readonly muted: ReadonlySet<LogLevel>;
  readonly log: LogSettings;
  /** By model; '' is all models that have none of their own. */
  readonly trace: ReadonlyMap<string, TraceSettings>;
}

export interface ForwardedRequest {
  /** Chosen by the main thread, to cancel it by. */
  readonly number: number;
  readonly request: InferRequest;
  readonly principal: Principal;
  /** Until its deadline; clocks of threads have different origins. */
  readonly remainingMs: number;
  readonly sizeBytes: number;
  readonly streaming: boolean;
}

export interface LogLine {
  readonly level: Exclude<LogLevel, 'silent'>;
  readonly fields: object;
  readonly message: string;
}
