import type { CallTracer } from './observability/tracing/call-tracer.ts';
import type { ReadHeader } from './observability/tracing/root-choice.ts';
import type { Tracing } from './observability/tracing/start-tracing.ts';
import type { GrpcCall, GrpcMethod, StreamMethod, UnaryMethod } from './transport/grpc/method.ts';

/** The same method, with a span for each call that tracing wants. */
export function traceMethod(method: GrpcMethod, tracing: Tracing): GrpcMethod {
  return method.kind === 'unary' ? traceUnary(method, tracing) : traceStream(method, tracing);
}

function traceUnary(method: UnaryMethod, tracing: Tracing): UnaryMethod {
  return {
    ...method,
    handle(message, call) {
      const header = headerOf(call);
      if (!tracing.wants(header)) return method.handle(message, call);
      const span = tracing.calls.begin(call.context, method.path.slice(1), tracing.parentOf(header));
      return ending(span, async () => method.handle(message, call), tracing);
    },
  };
}

function traceStream(method: StreamMethod, tracing: Tracing): StreamMethod {
  return {
    ...method,
    handle(messages, reply, call) {
      const header = headerOf(call);
      if (!tracing.wants(header)) return method.handle(messages, reply, call);
      const span = tracing.calls.begin(call.context, method.path.slice(1), tracing.parentOf(header));
      return ending(span, () => method.handle(messages, reply, call), tracing);
    },
  };
}

function headerOf(call: GrpcCall): ReadHeader {
  return (name) => {
    const value = call.metadata(name);
    return typeof value === 'string' ? value : undefined;
  };
}

async function ending<T>(
  span: ReturnType<CallTracer['begin']>,
  handle: () => Promise<T>,
  { calls }: Tracing,
): Promise<T> {
  try {
    const reply = await handle();
    calls.end(span, undefined);
    return reply;
  } catch (error) {
    calls.end(span, error);
    throw error;
  }
}
