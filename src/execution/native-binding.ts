import type { InferenceSession, OnnxValue, Tensor as RuntimeTensor } from 'onnxruntime-node';
import { datatypeOfRuntimeType, onnxTypeName } from './element-types.ts';
import type { ElementView } from './element-types.ts';
import type { SessionMetadata, SessionTensor } from '../inference/executor.ts';
import { ServingError } from '../errors.ts';

/** The release whose internals this file knows; with any other the public API is used. */
export const pinnedVersion = '1.30.0';

export type RuntimeValues = Readonly<Record<string, OnnxValue>>;
export type Fetches = Readonly<Record<string, null>>;
export type NativeOptions = InferenceSession.SessionOptions;

/** A session of onnxruntime-node. `run` computes before it returns where `synchronous`, else it answers a promise. */
export interface NativeSession {
  readonly synchronous: boolean;
  readonly metadata: SessionMetadata;
  run(feeds: RuntimeValues, fetches: Fetches): RuntimeValues | Promise<RuntimeValues>;
  release(): void | Promise<void>;
}

export interface NativeRuntime {
  open(modelPath: string, options: NativeOptions): Promise<NativeSession>;
  /** Makes a tensor that views `data`; nothing is copied. */
  tensor(type: RuntimeTensor.Type, data: ElementView | string[], dims: readonly number[]): OnnxValue;
}

let loaded: Promise<NativeRuntime> | undefined;

/**
 * Loads onnxruntime-node into this thread, the first time it is asked for: some 45 MB are mapped, which a thread that
 * never runs a session should not pay.
 */
export async function loadRuntime(): Promise<NativeRuntime> {
  loaded ??= (async () => {
    const open = (await synchronousOpen()) ?? openPublic;
    return { open, tensor: await tensorFactory() };
  })();
  return loaded;
}

/** Only through onnxruntime-node's documented API, which waits a turn of the event loop for each run. */
export async function openPublic(modelPath: string, options: NativeOptions): Promise<NativeSession> {
  const { InferenceSession } = await import('onnxruntime-node');
  const session = await InferenceSession.create(modelPath, options);
  return {
    synchronous: false,
    metadata: {
      inputs: session.inputMetadata.map(publicTensor),
      outputs: session.outputMetadata.map(publicTensor),
    },
    run: async (feeds, fetches) => session.run(feeds, fetches),
    release: async () => session.release(),
  };
}

/** The synchronous call under the public API: 2 to 3 us a run cheaper, and the only way to compute before returning. */
export async function synchronousOpen(): Promise<NativeRuntime['open'] | undefined> {
  const { env } = await import('onnxruntime-node');
  if (env.versions.node !== pinnedVersion) return undefined;
  const { binding, initOrt } = await import('onnxruntime-node/dist/binding.js');
  if (typeof initOrt !== 'function' || typeof binding?.InferenceSession !== 'function') return undefined;
  return async (modelPath, options) => {
    initOrt();
    const session = new binding.InferenceSession();
    session.loadModel(modelPath, options);
    return {
      synchronous: true,
      metadata: {
        inputs: session.inputMetadata.map(bindingTensor),
        outputs: session.outputMetadata.map(bindingTensor),
      },
      run: (feeds, fetches) => session.run(feeds, fetches, {}),
      release: () => session.dispose(),
    };
  };
}

async function tensorFactory(): Promise<NativeRuntime['tensor']> {
  const { Tensor } = await import('onnxruntime-node');
  return (type, data, dims) => {
    if (type !== 'float16' || !(data instanceof Uint16Array)) return new Tensor(type, data, dims);
    const tensor = new Tensor(type, data, dims);
    // The binding takes the byte length from a table that lacks Float16Array, into which the constructor turned the data.
    Object.defineProperty(tensor, 'data', { value: data });
    Object.defineProperty(tensor, 'cpuData', { value: data });
    return tensor;
  };
}

interface BindingTensor {
  readonly name: string;
  readonly isTensor: boolean;
  readonly symbolicDimensions: readonly string[];
  readonly shape: readonly number[];
  readonly type: number;
}

function bindingTensor(raw: BindingTensor): SessionTensor {
  if (!raw.isTensor) return { name: raw.name, datatype: undefined, shape: [] };
  const type = onnxTypeName(raw.type);
  const datatype = datatypeOfRuntimeType(type);
  if (datatype === undefined) throw unsupportedType(raw.name, type);
  const shape = raw.shape.map((dim, axis) => (dim >= 0 ? dim : (raw.symbolicDimensions[axis] ?? '')));
  return { name: raw.name, datatype, shape };
}

function publicTensor(raw: InferenceSession.ValueMetadata): SessionTensor {
  if (!raw.isTensor) return { name: raw.name, datatype: undefined, shape: [] };
  const datatype = datatypeOfRuntimeType(raw.type);
  if (datatype === undefined) throw unsupportedType(raw.name, raw.type);
  return { name: raw.name, datatype, shape: raw.shape };
}

function unsupportedType(name: string, type: string): ServingError {
  return new ServingError(
    'failed_precondition',
    `tensor '${name}' is of type ${type}, which onnxruntime-node cannot carry; convert the model (for example to float32)`,
    { reason: 'UNSUPPORTED_TYPE' },
  );
}
