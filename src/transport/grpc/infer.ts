import type { Infer } from '../../inference/infer.ts';
import type { InferRequestDecoder } from './infer-request-decoder.ts';
import type { InferResponseEncoder } from './infer-response-encoder.ts';
import type { UnaryMethod } from './method.ts';
import { inferenceService } from './protocol-method.ts';

/** The two halves of the hand-written codec. Stateful caches inside: one pair per thread. */
export interface InferCodec {
  readonly decoder: InferRequestDecoder;
  readonly encoder: InferResponseEncoder;
}

/** ModelInfer. */
export function createInferRpc(infer: Infer, { decoder, encoder }: InferCodec): UnaryMethod {
  const encode = encoder.encode.bind(encoder);
  return {
    kind: 'unary',
    path: inferenceService().method('ModelInfer').path,
    scope: 'infer',
    handle: (message, call) => infer(decoder.decode(message), call.context).then(encode),
  };
}
