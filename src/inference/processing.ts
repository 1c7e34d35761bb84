import type { CallContext } from './call-context.ts';
import type { Datatype } from './datatype.ts';
import type { InferRequest } from './request.ts';
import type { Tensor } from './tensor.ts';

/** How the processing module of a model version is to be run. */
export interface ProcessingPlan {
  /** Real path of the module, inside the model's repository. */
  readonly modulePath: string;
  /** Each runs one hook at a time. */
  readonly processes: number;
  /** Of one hook. */
  readonly timeoutMs: number;
  /** That one process may hold, all in all. */
  readonly memoryBytes: number;
}

/** An input or output that stands in place of the model's own. */
export interface DeclaredTensor {
  readonly name: string;
  readonly datatype: Datatype;
  readonly dims: readonly number[];
  readonly labels: readonly string[];
}

/** What a module says of itself: plain data, so that it can cross threads. */
export interface ModuleDeclaration {
  /** undefined: clients send the model's own. */
  readonly inputs: readonly DeclaredTensor[] | undefined;
  /** undefined: clients are given the model's own. */
  readonly outputs: readonly DeclaredTensor[] | undefined;
  readonly preprocess: boolean;
  readonly postprocess: boolean;
}

/** One hook for one request. */
export interface ProcessingStep {
  readonly hook: 'preprocess' | 'postprocess';
  readonly request: Pick<InferRequest, 'model' | 'version' | 'id' | 'parameters'>;
  readonly tensors: readonly Tensor[];
  /** What the step before left for this one. */
  readonly state: Uint8Array | undefined;
}

/** What a hook returned: of the form of tensors, but not yet compared with any model. */
export interface ProcessedTensors {
  readonly tensors: readonly Tensor[];
  readonly state: Uint8Array | undefined;
}

/** Runs the hooks of one model version. */
export interface Processor extends AsyncDisposable {
  /** @throws (rejects with) invalid_argument where the hook refuses the request; internal, resource_exhausted, unavailable, cancelled. */
  run(step: ProcessingStep, call: CallContext): Promise<ProcessedTensors>;
}

/** The open module of a model version. */
export interface OpenedProcessing {
  readonly declaration: ModuleDeclaration;
  /** undefined on a thread that serves no requests. */
  readonly processor: Processor | undefined;
}
