import type { Scope } from '../../inference/principal.ts';
import type { GrpcCall, UnaryMethod } from './method.ts';
import { loadService, type Message, type ProtoService } from './proto.ts';

/** The protocol's own service. */
export function inferenceService(): ProtoService {
  return loadService('grpc_service.proto', 'inference.GRPCInferenceService');
}

/** A unary rpc of the protocol off the hot path: messages are objects with the proto's field names. */
export function protocolMethod(
  rpc: string,
  scope: Scope | 'none',
  answer: (request: Message, call: GrpcCall) => object | Promise<object>,
): UnaryMethod {
  const { path, decode, encode } = inferenceService().method(rpc);
  return {
    kind: 'unary',
    path,
    scope,
    handle(message, call) {
      const reply = answer(decode(message), call);
      return reply instanceof Promise ? reply.then(encode) : encode(reply);
    },
  };
}

/** A string field of a decoded message. */
export function field(message: Message, name: string): string {
  const value = message[name];
  if (typeof value !== 'string') throw new Error(`bug: ${name} is no string field`);
  return value;
}

/** The entries of a decoded map field. */
export function mapEntries(message: Message, name: string): readonly (readonly [string, Message])[] {
  return Object.entries((message[name] ?? {}) as Readonly<Record<string, Message>>);
}
