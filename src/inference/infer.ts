import type { CallContext } from './call-context.ts';
import type { InferRequest } from './request.ts';
import type { InferResponse } from './response.ts';

/**
 * The whole service as a transport sees it: a request goes in, an answer or a ServingError comes out. What a decoupled
 * model answers before its last answer goes to `call.takeAnswer`; the last may then be one without outputs.
 */
export type Infer = (request: InferRequest, call: CallContext) => Promise<InferResponse>;

/** A hook for embedders, applied once around the whole pipeline when the server is made. */
export type Wrap = (next: Infer) => Infer;
