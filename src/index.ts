/** The public API. Everything else may change in any release. */
export { createServer, type Server, type ServerTools } from './server.ts';
export type { Options, PartialOptions } from './config/options.ts';
export { resolveOptions } from './config/load.ts';
export { createClient, type Client } from './client/client.ts';
export { texts } from './client/infer-messages.ts';
export type { CountedTime, ModelCounters } from './client/model-messages.ts';
export type { TensorArray, TensorElements } from './client/tensor-data.ts';
export type {
  CallOptions,
  ClientOptions,
  ClientParameter,
  ClientTls,
  InferAnswer,
  InferCall,
  InferStream,
  InputTensor,
  OutputTensor,
  ServerInfo,
  StreamReply,
  WantedOutput,
} from './client/types.ts';
export { ServingError, type ErrorCode } from './errors.ts';
export type { Datatype } from './inference/datatype.ts';
export type { Infer, Wrap } from './inference/infer.ts';
export type { Logger } from './inference/logger.ts';
export type {
  ModuleElements,
  ModuleRequest,
  ModuleTensor,
  ModuleTensors,
  Postprocess,
  Preprocess,
  ReturnedTensor,
  ReturnedTensors,
  TensorDeclaration,
} from './inference/processing-module.ts';
