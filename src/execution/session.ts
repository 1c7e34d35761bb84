import { elementCount } from '../inference/tensor.ts';
import type { Tensor } from '../inference/tensor.ts';
import type { Datatype } from '../inference/datatype.ts';
import type { SessionMetadata } from '../inference/executor.ts';
import { datatypeOfRuntimeType, runtimeTypes, viewElements } from './element-types.ts';
import { loadRuntime } from './native-binding.ts';
import type {
  Fetches,
  NativeOptions,
  NativeRuntime,
  NativeSession,
  RuntimeValues,
} from './native-binding.ts';
import { decodeStrings, encodeStrings } from './string-elements.ts';
import { threadCpuMs } from './thread-cpu.ts';

/** The input values of one run, by name. */
export type Feeds = Record<string, RuntimeValues[string]>;

/** What a thread or an inline executor runs batches on. One run at a time. */
export interface Session extends AsyncDisposable {
  readonly metadata: SessionMetadata;
  readonly synchronous: boolean;
  /**
   * Processor time of this thread that opening took, without loading the runtime: what it would take of another thread, however
   * slow the disk and however busy the machine was.
   */
  readonly openCpuMs: number;
  /**
   * An input that views `bytes`, which must not change before the run ends. Strings are decoded.
   *
   * @param bytes start at a multiple of the element size and hold exactly the shape's elements.
   * @throws invalid_argument for BYTES elements that are no strings.
   */
  input(name: string, datatype: Datatype, shape: readonly number[], bytes: Uint8Array): Feeds[string];
  /** @throws what onnxruntime throws: see run-error.ts. */
  compute(feeds: Feeds, fetches: Fetches): RuntimeValues | Promise<RuntimeValues>;
}

/** @throws what onnxruntime throws, see load-error.ts, or a ServingError for types that cannot be carried. */
export async function openSession(modelPath: string, options: NativeOptions): Promise<Session> {
  const runtime = await loadRuntime();
  const cpuBefore = threadCpuMs();
  const native = await runtime.open(modelPath, options);
  return sessionOf(runtime, native, threadCpuMs() - cpuBefore);
}

/** A session over any native one. */
export function sessionOf(runtime: NativeRuntime, native: NativeSession, openCpuMs = 0): Session {
  return {
    metadata: native.metadata,
    synchronous: native.synchronous,
    openCpuMs,
    input(name, datatype, shape, bytes) {
      const type = runtimeTypes[datatype];
      if (type === undefined) throw new Error(`bug: a ${datatype} input reached a session`);
      const count = elementCount(shape);
      const elements =
        type === 'string'
          ? decodeStrings(name, bytes, count)
          : viewElements(datatype, bytes.buffer, bytes.byteOffset, count);
      return runtime.tensor(type, elements, shape);
    },
    compute: (feeds, fetches) => native.run(feeds, fetches),
    async [Symbol.asyncDispose]() {
      await native.release();
    },
  };
}

/** What to ask a session for: an own object, because onnxruntime looks its keys up. */
export function fetchesOf(names: readonly string[]): Fetches {
  return Object.fromEntries(names.map((name) => [name, null]));
}

/** The values that came out of a run as tensors, in the order of `names`. They view what onnxruntime allocated for them. */
export function readOutputs(values: RuntimeValues, names: readonly string[]): Tensor[] {
  const outputs: Tensor[] = [];
  for (const name of names) {
    const value = values[name];
    const datatype = value === undefined ? undefined : datatypeOfRuntimeType(value.type);
    if (value === undefined || datatype === undefined) throw new Error(`bug: no usable value for an output`);
    outputs.push({ name, datatype, shape: value.dims, data: bytesOf(value.data) });
  }
  return outputs;
}

function bytesOf(data: RuntimeValues[string]['data']): Uint8Array {
  if (!ArrayBuffer.isView(data)) return encodeStrings(data);
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
