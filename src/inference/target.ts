import type { CallContext } from './call-context.ts';
import type { EnsemblePlan } from './ensemble.ts';
import type { Batch, Executor } from './executor.ts';
import type { ModelSpec } from './model-spec.ts';
import type { OpenedProcessing } from './processing.ts';
import type { Monitor } from './monitoring.ts';
import type { InferRequest } from './request.ts';
import type { SequencePlan } from './sequence.ts';
import type { StatisticsRecorder } from './statistics.ts';
import type { Tensor } from './tensor.ts';

/** What happens to requests whose time in the queue is up. */
export interface QueuePolicy {
  readonly timeoutAction: 'reject' | 'delay';
  /** 0: none. */
  readonly defaultTimeoutMicroseconds: number;
  readonly allowTimeoutOverride: boolean;
  /** Requests; 0: the server's own caps. */
  readonly maxQueueSize: number;
}

/** An input whose size along one axis differs between requests, and what fills it up. */
export interface PaddedInput {
  readonly name: string;
  /** As clients see the shape: 0 is the batch dimension. */
  readonly axis: number;
  /** One element as it stands in the tensor's data. */
  readonly fill: Uint8Array;
}

/** An output that is as long as the inputs were padded to, and is cut back along these axes, the batch dimension being 0. */
export interface UnpaddedOutput {
  readonly name: string;
  readonly axes: readonly number[];
}

/** A size that several inputs of a request have in common, and up to which they may be padded. */
export interface PaddedSize {
  /** Upper bounds, ascending; a longer request is only batched with its like. undefined: the powers of two. */
  readonly buckets: readonly number[] | undefined;
  /** A batch is padded to its longest request, or to the bound of its bucket, so that few shapes occur. */
  readonly padTo: 'longest' | 'bucket';
  /** At least one. */
  readonly inputs: readonly PaddedInput[];
  readonly outputs: readonly UnpaddedOutput[];
  /** The input among `inputs` that says which elements are real, and is padded with 0; '' for none. */
  readonly maskInput: string;
  /** The input that holds the real size of each row, and is not padded; '' for none. */
  readonly lengthInput: string;
}

/** What Triton's batch_input makes of the requests of a batch, for a model that takes them one after the other. */
export type BatchInputKind =
  | 'BATCH_ELEMENT_COUNT'
  | 'BATCH_ACCUMULATED_ELEMENT_COUNT'
  | 'BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO'
  | 'BATCH_MAX_ELEMENT_COUNT_AS_SHAPE'
  | 'BATCH_ITEM_SHAPE'
  | 'BATCH_ITEM_SHAPE_FLATTEN';

/** Inputs that the server adds to a batch. */
export interface BatchInput {
  readonly kind: BatchInputKind;
  readonly targets: readonly string[];
  readonly datatype: 'INT32' | 'FP32';
  readonly source: string;
}

/** Requests of any size in one batch, without padding: Triton's ragged batching. */
export interface RaggedBatching {
  readonly batchInputs: readonly BatchInput[];
  /** Outputs of one dimension, by name, that are dealt out by the shape of this input (BATCH_SCATTER_WITH_INPUT_SHAPE). */
  readonly scattered: ReadonlyMap<string, string>;
}

/** A resource that an instance needs while it runs: Triton's rate limiter. */
export interface InstanceResource {
  readonly name: string;
  /** One for all devices, instead of one for each. */
  readonly global: boolean;
  readonly count: number;
}

/** What limits one instance of a model. */
export interface InstanceLimits {
  readonly deviceId: number;
  readonly resources: readonly InstanceResource[];
  /** At least 1: an instance with 2 gets half the runs of one with 1 when both are wanted. */
  readonly priority: number;
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
  /** Sizes by which requests are padded to share a batch; empty unless the configuration asks for it. */
  readonly padding: readonly PaddedSize[];
  /** Why the padding that was asked for is off; '' otherwise. */
  readonly paddingOffReason: string;
  /** undefined for models without allow_ragged_batch and batch_input. */
  readonly ragged: RaggedBatching | undefined;
  /**
   * Who was answered comes again at once, with the next step of the same request: an executor that has run a batch waits
   * for the end of the turn of the event loop, so that those steps share the next one with what waited meanwhile.
   */
  readonly stepwise: boolean;
  /** One for each executor, in their order; empty when nothing limits them. */
  readonly instanceLimits: readonly InstanceLimits[];
}

/** What a batch of zeros cost before the model served. */
export interface RehearsedCost {
  readonly rows: number;
  /** Milliseconds in the executor, the cheapest of a few runs. */
  readonly ms: number;
}

/** One ready version of one model: what routing chooses and batching feeds. Identity matters: a reload makes a new one. */
export interface Target {
  readonly spec: ModelSpec;
  readonly scheduling: Scheduling;
  /** None for an ensemble. */
  readonly executors: readonly Executor[];
  readonly statistics: StatisticsRecorder;
  /** Where learning costs begins; none where the model was not run with zeros. */
  readonly rehearsed?: readonly RehearsedCost[];
  /** A small batch that the model ran before it served; none where it is large, or no such batch is known. */
  readonly sample?: Batch | undefined;
  /** The models that it runs instead of one of its own; only ensembles have it. */
  readonly ensemble?: EnsemblePlan | undefined;
  /** Its requests belong together; only models with sequence_batching have it. */
  readonly sequences?: SequencePlan | undefined;
  /** A module works on its requests before and after the model; only models with one have it. */
  readonly processing?: TargetProcessing | undefined;
  /** Looks at its answers; only models whose file asks for it have it. */
  readonly monitor?: Monitor | undefined;
}

/** The target that clients see takes and gives what the module does; `model` is what runs in between. */
export interface TargetProcessing extends OpenedProcessing {
  readonly model: Target;
}

/** Requests of one model as one batch. */
export interface JoinedRequests {
  readonly batch: Batch;
  /** The outputs of each request from those of the batch; or why they cannot be told apart. */
  readonly split: (outputs: readonly Tensor[]) => readonly (readonly Tensor[])[] | string;
}

/** Makes a batch of requests that fit the model and may share one, as the scheduler would. */
export type JoinRequests = (
  model: Pick<Target, 'spec' | 'scheduling'>,
  requests: readonly InferRequest[],
) => JoinedRequests;

/** Finds the target of a request, or throws not_found / unavailable with the protocol's texts. */
export interface Router {
  route(model: string, version: string): Target;
  /** The other versions of a model that are ready, the newest first. */
  besides(target: Target): readonly Target[];
  /** There where models are loaded when requests ask for them. */
  readonly routeOnDemand?: RouteOnDemand | undefined;
}

/**
 * As `Router.route`, at once for a model that serves; one that is known but not loaded is loaded first.
 *
 * @throws what `route` throws, and (rejects with) why the model could not be loaded; resource_exhausted when too much waits.
 */
export type RouteOnDemand = (model: string, version: string, call: CallContext) => Target | Promise<Target>;
