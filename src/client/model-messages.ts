import type {
  IndexEntry,
  LoadOverrides,
  ModelMetadata,
  ModelStateName,
  TensorMetadata,
} from '../inference/catalog.ts';
import type { WireMessage } from './connection.ts';
import { items, number, numbers, part, text } from './fields.ts';

export interface CountedTime {
  readonly count: number;
  readonly ns: number;
}

/** What a server has counted for one model version; protocol's meaning. */
export interface ModelCounters {
  readonly name: string;
  readonly version: string;
  /** Epoch milliseconds; 0 before the first inference. */
  readonly lastInference: number;
  /** Rows. */
  readonly inferenceCount: number;
  /** Batches. */
  readonly executionCount: number;
  readonly success: CountedTime;
  readonly fail: CountedTime;
  readonly queue: CountedTime;
  readonly computeInput: CountedTime;
  readonly computeInfer: CountedTime;
  readonly computeOutput: CountedTime;
  readonly cacheHit: CountedTime;
  readonly cacheMiss: CountedTime;
  readonly batches: readonly { readonly batchSize: number; readonly computeInfer: CountedTime }[];
}

/** From inference.ModelMetadataResponse. */
export function decodeMetadata(message: WireMessage): ModelMetadata {
  return {
    name: text(message, 'name'),
    versions: items(message, 'versions').map(String),
    platform: text(message, 'platform'),
    inputs: items(message, 'inputs').map(decodeTensor),
    outputs: items(message, 'outputs').map(decodeTensor),
  };
}

function decodeTensor(item: unknown): TensorMetadata {
  const tensor = part(item);
  return { name: text(tensor, 'name'), datatype: text(tensor, 'datatype'), shape: numbers(tensor, 'shape') };
}

/** From inference.ModelStatisticsResponse. */
export function decodeStatistics(message: WireMessage): ModelCounters[] {
  return items(message, 'model_stats').map((item) => {
    const model = part(item);
    const counted = part(model['inference_stats']);
    return {
      name: text(model, 'name'),
      version: text(model, 'version'),
      lastInference: number(model, 'last_inference'),
      inferenceCount: number(model, 'inference_count'),
      executionCount: number(model, 'execution_count'),
      success: countedTime(counted, 'success'),
      fail: countedTime(counted, 'fail'),
      queue: countedTime(counted, 'queue'),
      computeInput: countedTime(counted, 'compute_input'),
      computeInfer: countedTime(counted, 'compute_infer'),
      computeOutput: countedTime(counted, 'compute_output'),
      cacheHit: countedTime(counted, 'cache_hit'),
      cacheMiss: countedTime(counted, 'cache_miss'),
      batches: items(model, 'batch_stats').map((batch) => ({
        batchSize: number(part(batch), 'batch_size'),
        computeInfer: countedTime(part(batch), 'compute_infer'),
      })),
    };
  });
}

function countedTime(message: WireMessage, name: string): CountedTime {
  const duration = part(message[name]);
  return { count: number(duration, 'count'), ns: number(duration, 'ns') };
}

/** From inference.RepositoryIndexResponse, or a list of tensorgate.admin.v1.ModelState. */
export function decodeIndex(message: WireMessage): IndexEntry[] {
  return items(message, 'models').map((item) => {
    const entry = part(item);
    return {
      name: text(entry, 'name'),
      version: text(entry, 'version'),
      state: stateName(text(entry, 'state')),
      reason: text(entry, 'reason'),
    };
  });
}

function stateName(word: string): ModelStateName | '' {
  switch (word) {
    case '':
    case 'READY':
    case 'UNAVAILABLE':
    case 'LOADING':
    case 'UNLOADING':
      return word;
    default:
      return 'UNKNOWN';
  }
}

/** inference.RepositoryModelLoadRequest. */
export function encodeLoad(model: string, overrides: Partial<LoadOverrides>): object {
  const parameters: Record<string, object> = {};
  if (overrides.config !== undefined) parameters['config'] = { string_param: overrides.config };
  for (const [path, content] of overrides.files ?? []) parameters[`file:${path}`] = { bytes_param: content };
  return { model_name: model, parameters };
}

/** inference.RepositoryModelUnloadRequest. */
export function encodeUnload(model: string, unloadDependents: boolean): object {
  return { model_name: model, parameters: { unload_dependents: { bool_param: unloadDependents } } };
}
