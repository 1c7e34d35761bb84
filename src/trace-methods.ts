import { ServingError } from './errors.ts';
import type { CallContext, CallTrace } from './inference/call-context.ts';
import { httpOutcome, rpcOutcome, type CallOutcome } from './observability/tracing/call-outcome.ts';
import type { Tracing } from './observability/tracing/start-tracing.ts';
import type { Encoded, GrpcCall, GrpcMethod } from './transport/grpc/method.ts';
import type { Endpoint, Handler, HttpCall } from './transport/http/http-call.ts';
import type { HttpReply } from './transport/http/reply.ts';
import { httpStatusCodes } from './transport/http/status.ts';

/** The same gRPC method, with a span for each call that tracing wants. */
export function traceMethod(method: GrpcMethod, tracing: Tracing): GrpcMethod {
  const name = method.path.slice(1);
  const named: CallTrace = { name, attributes: { 'rpc.system.name': 'grpc', 'rpc.method': name } };
  const record = <T>(call: GrpcCall, run: () => Promise<T>): Promise<T> =>
    recorded(tracing, { named, context: call.context, run, outcomeOf: rpcOutcomeOf });
  if (method.kind === 'unary') {
    // Apart, as V8 makes what the inner function captures for every call of the outer one.
    const handle = (message: Buffer, call: GrpcCall): Promise<Encoded> =>
      record(call, async () => method.handle(message, call));
    return {
      ...method,
      handle(message: Buffer, call: GrpcCall) {
        return tracing.wants(call.context, named) ? handle(message, call) : method.handle(message, call);
      },
    };
  }
  return {
    ...method,
    handle(messages, reply, call) {
      if (!tracing.wants(call.context, named)) return method.handle(messages, reply, call);
      return record(call, () => method.handle(messages, reply, call));
    },
  };
}

/** A request failed on its way. Failures of recorded calls are told by their own spans. */
export function traceFailure(tracing: Tracing, call: CallContext, error: unknown): void {
  if (call.trace === undefined) return;
  const outcome =
    call.front === 'http'
      ? httpOutcome(httpStatusCodes[ServingError.from(error).code], error)
      : rpcOutcome(error);
  tracing.failed(call, withArm(outcome, call));
}

/** The same HTTP endpoint, with a span for each request that tracing wants; probes have none. */
export function traceEndpoint(route: string, endpoint: Endpoint, tracing: Tracing): Endpoint {
  if (endpoint.scope === 'none') return endpoint;
  const traced = (method: string, handler: Handler | undefined): Handler | undefined =>
    handler === undefined ? undefined : traceHandler(handler, httpCall(method, route), tracing);
  return {
    ...endpoint,
    get: traced('GET', endpoint.get),
    post: traced('POST', endpoint.post),
    put: traced('PUT', endpoint.put),
    delete: traced('DELETE', endpoint.delete),
  };
}

function traceHandler(handler: Handler, named: CallTrace, tracing: Tracing): Handler {
  return (call: HttpCall) => {
    if (!tracing.wants(call.context, named)) return handler(call);
    return recordedReply(tracing, { named, context: call.context }, async () => handler(call));
  };
}

function httpCall(method: string, route: string): CallTrace {
  return {
    name: `${method} ${route}`,
    attributes: { 'http.request.method': method, 'http.route': route },
  };
}

interface Recording<T> {
  readonly named: CallTrace;
  readonly context: CallContext;
  readonly run: () => Promise<T>;
  readonly outcomeOf: (reply: T | undefined, thrown: unknown) => CallOutcome;
}

async function recorded<T>(tracing: Tracing, { named, context, run, outcomeOf }: Recording<T>): Promise<T> {
  const span = tracing.begin(context, named);
  try {
    const reply = await run();
    tracing.end(span, withArm(outcomeOf(reply, undefined), context));
    return reply;
  } catch (error) {
    tracing.end(span, withArm(outcomeOf(undefined, error), context));
    throw error;
  }
}

/** The span of a reply that goes on after its head ends with it. */
async function recordedReply(
  tracing: Tracing,
  { named, context }: Pick<Recording<HttpReply>, 'named' | 'context'>,
  run: () => Promise<HttpReply>,
): Promise<HttpReply> {
  const span = tracing.begin(context, named);
  try {
    const reply = await run();
    const { more } = reply;
    if (more === undefined) {
      tracing.end(span, withArm(httpOutcomeOf(reply, undefined), context));
      return reply;
    }
    return {
      ...reply,
      more: (write) =>
        more(write).finally(() => tracing.end(span, withArm(httpOutcomeOf(reply, undefined), context))),
    };
  } catch (error) {
    tracing.end(span, withArm(httpOutcomeOf(undefined, error), context));
    throw error;
  }
}

function rpcOutcomeOf(_reply: unknown, thrown: unknown): CallOutcome {
  return rpcOutcome(thrown);
}

function httpOutcomeOf(reply: HttpReply | undefined, thrown: unknown): CallOutcome {
  return httpOutcome(reply?.status ?? httpStatusCodes[ServingError.from(thrown).code], thrown);
}

/** Which arm of an experiment answered; most models have none. */
function withArm(outcome: CallOutcome, { experiment, arm }: CallContext): CallOutcome {
  if (experiment === '') return outcome;
  const own = { 'tensorgate.experiment': experiment, 'tensorgate.arm': arm };
  return { ...outcome, attributes: { ...outcome.attributes, ...own } };
}
