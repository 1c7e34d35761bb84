import { ServingError } from './errors.ts';
import type { CallContext } from './inference/call-context.ts';
import { httpOutcome, rpcOutcome, type CallOutcome } from './observability/tracing/call-outcome.ts';
import type { NamedCall } from './observability/tracing/call-tracer.ts';
import type { ReadHeader } from './observability/tracing/root-choice.ts';
import type { Tracing } from './observability/tracing/start-tracing.ts';
import type { GrpcCall, GrpcMethod } from './transport/grpc/method.ts';
import type { Endpoint, Handler, HttpCall } from './transport/http/http-call.ts';
import type { HttpReply } from './transport/http/reply.ts';
import { httpStatusCodes } from './transport/http/status.ts';

/** The same gRPC method, with a span for each call that tracing wants. */
export function traceMethod(method: GrpcMethod, tracing: Tracing): GrpcMethod {
  const name = method.path.slice(1);
  const named: NamedCall = { name, attributes: { 'rpc.system.name': 'grpc', 'rpc.method': name } };
  const record = <T>(call: GrpcCall, header: ReadHeader, run: () => Promise<T>): Promise<T> =>
    recorded(tracing, { named, context: call.context, header, run, outcomeOf: rpcOutcomeOf });
  if (method.kind === 'unary') {
    return {
      ...method,
      handle(message: Buffer, call: GrpcCall) {
        const header = headerOf(call);
        if (!tracing.wants(header)) return method.handle(message, call);
        return record(call, header, async () => method.handle(message, call));
      },
    };
  }
  return {
    ...method,
    handle(messages, reply, call) {
      const header = headerOf(call);
      if (!tracing.wants(header)) return method.handle(messages, reply, call);
      return record(call, header, () => method.handle(messages, reply, call));
    },
  };
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

function traceHandler(handler: Handler, named: NamedCall, tracing: Tracing): Handler {
  return (call: HttpCall) => {
    const header: ReadHeader = (name) => call.header(name);
    if (!tracing.wants(header)) return handler(call);
    return recordedReply(tracing, { named, context: call.context, header }, async () => handler(call));
  };
}

function httpCall(method: string, route: string): NamedCall {
  return {
    name: `${method} ${route}`,
    attributes: { 'http.request.method': method, 'http.route': route },
  };
}

function headerOf(call: GrpcCall): ReadHeader {
  return (name) => {
    const value = call.metadata(name);
    return typeof value === 'string' ? value : undefined;
  };
}

interface RecordedCall<T> {
  readonly named: NamedCall;
  readonly context: CallContext;
  readonly header: ReadHeader;
  readonly run: () => Promise<T>;
  readonly outcomeOf: (reply: T | undefined, thrown: unknown) => CallOutcome;
}

async function recorded<T>(
  tracing: Tracing,
  { named, context, header, run, outcomeOf }: RecordedCall<T>,
): Promise<T> {
  const { calls } = tracing;
  const span = calls.begin(context, named, tracing.parentOf(header));
  try {
    const reply = await run();
    calls.end(span, withArm(outcomeOf(reply, undefined), context));
    return reply;
  } catch (error) {
    calls.end(span, withArm(outcomeOf(undefined, error), context));
    throw error;
  }
}

/** The span of a reply that goes on after its head ends with it. */
async function recordedReply(
  tracing: Tracing,
  { named, context, header }: Pick<RecordedCall<HttpReply>, 'named' | 'context' | 'header'>,
  run: () => Promise<HttpReply>,
): Promise<HttpReply> {
  const { calls } = tracing;
  const span = calls.begin(context, named, tracing.parentOf(header));
  try {
    const reply = await run();
    const { more } = reply;
    if (more === undefined) {
      calls.end(span, withArm(httpOutcomeOf(reply, undefined), context));
      return reply;
    }
    return {
      ...reply,
      more: (write) =>
        more(write).finally(() => calls.end(span, withArm(httpOutcomeOf(reply, undefined), context))),
    };
  } catch (error) {
    calls.end(span, withArm(httpOutcomeOf(undefined, error), context));
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
