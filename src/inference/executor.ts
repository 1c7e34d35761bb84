import type { Datatype } from './datatype.ts';
import type { OpenedProcessing, ProcessingPlan } from './processing.ts';
import type { Tensor } from './tensor.ts';

/** One input of a batch: the rows of its requests, in order, still where they were received. */
export interface BatchTensor {
  readonly name: string;
  readonly datatype: Datatype;
  /** Of the whole batch. */
  readonly shape: readonly number[];
  /** Concatenated they are the tensor's data. The executor makes the one copy. */
  readonly parts: readonly Uint8Array[];
  /** Sum of the parts' lengths. */
  readonly sizeBytes: number;
}

/** What an executor runs at once. */
export interface Batch {
  readonly inputs: readonly BatchTensor[];
  /** Names of the outputs that somebody wants; never empty. */
  readonly outputs: readonly string[];
  /** 1 for models without a batch dimension. */
  readonly rows: number;
  /** Before the model serves: its size says nothing about those of requests. */
  readonly rehearsal?: true;
}

/** What came out, and how long each part took (Triton's compute_input, compute_infer and compute_output). */
export interface BatchResult {
  /** In the order of `Batch.outputs`. Owned by the receiver; never overwritten by a later batch. */
  readonly outputs: readonly Tensor[];
  readonly inputMs: number;
  readonly inferMs: number;
  readonly outputMs: number;
  /** CPU time of the inference, where it is known and one thread does all of it: what it costs when nothing interrupts it. */
  readonly cpuMs?: number | undefined;
}

/**
 * Runs batches of one model version, one at a time. `run` must not be called while `idle` is false.
 * A ServingError `unavailable` means that the executor, not the input, failed: the batch may be tried elsewhere.
 */
export interface Executor extends AsyncDisposable {
  /** Ready to take a batch now. False while running, restarting or closed. */
  readonly idle: boolean;
  /** True when `run` computes on the calling thread before it returns. */
  readonly inline: boolean;
  /** Whether that holds for this batch; left out where `inline` says it of all. */
  computesInline?(batch: Batch): boolean;
  /** How often a lost thread was replaced; undefined where there is none to lose. */
  readonly restarts?: number;
  run(batch: Batch): Promise<BatchResult>;
  /** A run may take minutes and be well: TensorRT builds its engine within the first run of each shape. */
  readonly unwatched?: boolean;
  /**
   * Gives the running batch up, which is taken never to end: `run` rejects with unavailable EXECUTOR_HUNG, what computes it is
   * left behind, and another takes its place. undefined where a run cannot be left behind.
   */
  abandon?(): void;
  /** `abandon` ends what computes and leaves nothing behind. */
  readonly endsRuns?: boolean;
  /** Calls `listener` each time `idle` turns true. One listener. */
  onIdle(listener: () => void): Disposable;
}

/** An input or output as the ONNX file declares it. */
export interface SessionTensor {
  readonly name: string;
  /** undefined for sequences, maps and optionals, which cannot be served. */
  readonly datatype: Datatype | undefined;
  /** A name or '' for symbolic dimensions. */
  readonly shape: readonly (number | string)[];
}

export interface SessionMetadata {
  readonly inputs: readonly SessionTensor[];
  readonly outputs: readonly SessionTensor[];
}

export type ProviderName = 'cpu' | 'cuda' | 'tensorrt';

/** Which ONNX Runtime provider runs a session, with that provider's own options, checked by execution/provider-options.ts. */
export interface ProviderPlan {
  readonly name: ProviderName;
  readonly deviceId: number;
  readonly options: Readonly<Record<string, string>>;
}

/** How the sessions of one model version are to be opened. */
export interface SessionPlan {
  /** How the log names the model. */
  readonly name: string;
  /** Real path of the .onnx file; external data already checked. */
  readonly modelPath: string;
  readonly instances: readonly ProviderPlan[];
  /** 0: chosen from the CPU quota and the number of instances. */
  readonly intraOpThreads: number;
  readonly interOpThreads: number;
  readonly executionMode: 'sequential' | 'parallel';
  readonly graphOptimization: 'disabled' | 'basic' | 'extended' | 'all';
  readonly memoryArena: boolean;
  readonly memoryPattern: boolean;
  /** Other `session.*` entries, passed through. */
  readonly configEntries: Readonly<Record<string, string>>;
  /** 'thread': a worker thread per instance. 'inline': on the calling thread. 'auto': by measured cost. */
  readonly placement: 'auto' | 'inline' | 'thread';
  /** 'process': a process of its own per instance, wherever `placement` would have it; what ends it leaves the server alive. */
  readonly isolation: 'thread' | 'process';
  readonly allowProviderFallback: boolean;
  /** The module that works on requests before and after the model; only models with one have it. */
  readonly processing?: ProcessingPlan | undefined;
}

/** Open sessions of one model version. Disposing drains them first and never ends a busy thread. */
export interface OpenedModel extends AsyncDisposable {
  readonly metadata: SessionMetadata;
  readonly executors: readonly Executor[];
  readonly processing?: OpenedProcessing | undefined;
}

/** Opens the sessions, or throws a ServingError whose message names what is missing. Nothing is left open on failure. */
export type OpenModel = (plan: SessionPlan, signal?: AbortSignal) => Promise<OpenedModel>;
