import type { CallTracer } from './observability/tracing/call-tracer.ts';
import type { Tracing } from './observability/tracing/start-tracing.ts';
import type { GrpcCall, GrpcMethod, StreamMethod, UnaryMethod } from './transport/grpc/method.ts';

/** The same method, with a span for each of its calls. */
export function traceMethod(method: GrpcMethod, tracing: Tracing): GrpcMethod {
  return method.kind === 'unary' ? traceUnary(method, tracing) : traceStream(method, tracing);
}

function traceUnary(method: UnaryMethod, tracing: Tracing): UnaryMethod {
  const { calls } = tracing;
  return {
    ...method,
    async handle(message, call) {
      const span = begin(method, call, tracing);
      try {
        const reply = await method.handle(message, call);
        calls.end(span, undefined);
        return reply;
      } catch (error) {
        calls.end(span, error);
        throw error;
      }
    },
  };
}

function traceStream(method: StreamMethod, tracing: Tracing): StreamMethod {
  const { calls } = tracing;
  return {
    ...method,
    async handle(messages, reply, call) {
      const span = begin(method, call, tracing);
      try {
        await method.handle(messages, reply, call);
        calls.end(span, undefined);
      } catch (error) {
        calls.end(span, error);
        throw error;
      }
    },
  };
}

function begin({ path }: GrpcMethod, call: GrpcCall, tracing: Tracing): ReturnType<CallTracer['begin']> {
  const header = (name: string): string | undefined => {
    const value = call.metadata(name);
    return typeof value === 'string' ? value : undefined;
  };
  return tracing.calls.begin(call.context, path.slice(1), tracing.parentOf(header));
}
