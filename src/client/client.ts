import type { IndexEntry, LoadOverrides, ModelConfigMessage, ModelMetadata } from '../inference/catalog.ts';
import { Connection } from './connection.ts';
import { items, part, text } from './fields.ts';
import { decodeInfer, encodeInfer } from './infer-messages.ts';
import { createInferStream } from './infer-stream.ts';
import {
  decodeIndex,
  decodeMetadata,
  decodeStatistics,
  encodeLoad,
  encodeUnload,
  type ModelCounters,
} from './model-messages.ts';
import type { CallOptions, ClientOptions, InferAnswer, InferCall, InferStream, ServerInfo } from './types.ts';

/** Speaks the Open Inference Protocol with Triton's extensions to any server that does. Failures are ServingErrors. */
export interface Client extends Disposable {
  infer(call: InferCall, options?: CallOptions): Promise<InferAnswer>;
  /** One call for many inferences, answered in order. */
  stream(options?: CallOptions): InferStream;
  live(options?: CallOptions): Promise<boolean>;
  ready(options?: CallOptions): Promise<boolean>;
  /** False, not an error, for an unknown model. */
  modelReady(model: string, version?: string, options?: CallOptions): Promise<boolean>;
  server(options?: CallOptions): Promise<ServerInfo>;
  metadata(model: string, version?: string, options?: CallOptions): Promise<ModelMetadata>;
  /** inference.ModelConfig with the proto's field names. */
  config(model: string, version?: string, options?: CallOptions): Promise<ModelConfigMessage>;
  /** Of all ready models when `model` is left out. */
  statistics(model?: string, version?: string, options?: CallOptions): Promise<readonly ModelCounters[]>;
  index(readyOnly?: 'all' | 'ready', options?: CallOptions): Promise<readonly IndexEntry[]>;
  /** Resolves when the model serves. Needs model control mode explicit. */
  load(model: string, overrides?: Partial<LoadOverrides>, options?: CallOptions): Promise<void>;
  unload(model: string, dependents?: 'keep' | 'unload', options?: CallOptions): Promise<void>;
}

/** Connects at the first call. Dispose it to close the connection. */
export function createClient(options: ClientOptions): Client {
  const connection = new Connection(options, 'grpc_service.proto', 'inference.GRPCInferenceService');
  const named = (name = '', version = ''): object => ({ name, version });
  return {
    infer: async (call, options) =>
      decodeInfer(await connection.unary('ModelInfer', encodeInfer(call), options)),
    stream: (options) => createInferStream(connection.stream('ModelStreamInfer', options), options?.signal),
    live: async (options) => (await connection.unary('ServerLive', {}, options))['live'] === true,
    ready: async (options) => (await connection.unary('ServerReady', {}, options))['ready'] === true,
    modelReady: async (model, version, options) =>
      (await connection.unary('ModelReady', named(model, version), options))['ready'] === true,
    async server(options) {
      const message = await connection.unary('ServerMetadata', {}, options);
      const extensions = items(message, 'extensions').map(String);
      return { name: text(message, 'name'), version: text(message, 'version'), extensions };
    },
    metadata: async (model, version, options) =>
      decodeMetadata(await connection.unary('ModelMetadata', named(model, version), options)),
    config: async (model, version, options) =>
      part((await connection.unary('ModelConfig', named(model, version), options))['config']),
    statistics: async (model, version, options) =>
      decodeStatistics(await connection.unary('ModelStatistics', named(model, version), options)),
    index: async (which, options) =>
      decodeIndex(await connection.unary('RepositoryIndex', { ready: which === 'ready' }, options)),
    async load(model, overrides = {}, options) {
      await connection.unary('RepositoryModelLoad', encodeLoad(model, overrides), options);
    },
    async unload(model, dependents = 'keep', options) {
      await connection.unary('RepositoryModelUnload', encodeUnload(model, dependents === 'unload'), options);
    },
    [Symbol.dispose]: () => connection.close(),
  };
}
