import { ServingError } from './errors.ts';
import type { Authenticate } from './inference/authenticate.ts';
import type { CallContext } from './inference/call-context.ts';
import type { Front } from './inference/front.ts';
import type { Infer } from './inference/infer.ts';
import { accessMessage, type Logger } from './inference/logger.ts';
import type { Clock } from './util/clock.ts';
import { printable } from './util/printable.ts';
import type { GrpcCall, GrpcMethod } from './transport/grpc/method.ts';
import type { Endpoint, Handler } from './transport/http/http-call.ts';
import { httpStatusCodes } from './transport/http/status.ts';

/** The log holds back lines that say the same, beyond some in ten seconds: whoever guesses keys must not fill it. */
const refusedMessage = 'request refused';

interface Asked {
  readonly model: string;
  readonly version: string;
  readonly id: string;
}

/** Writes a line for each call once it is answered: who asked what, and what became of it. Never what was sent. */
export class AccessLog {
  readonly #logger: Logger;
  readonly #clock: Clock;
  /** What calls that infer ask for; forgotten with them. */
  readonly #asked = new WeakMap<CallContext, Asked>();

  constructor({ logger, clock }: { readonly logger: Logger; readonly clock: Clock }) {
    this.#logger = logger;
    this.#clock = clock;
  }

  /** The same pipeline; lines tell which models it was asked for. */
  infer(infer: Infer): Infer {
    return (request, call) => {
      this.#asked.set(call, request);
      return infer(request, call);
    };
  }

  /** The same gRPC method. */
  method(method: GrpcMethod): GrpcMethod {
    const name = method.path.slice(1);
    const done = (context: CallContext, peer: string, thrown: unknown): void => {
      const status = thrown === undefined ? 'OK' : ServingError.from(thrown).code.toUpperCase();
      this.#write(context, thrown, { method: name, status, peer });
    };
    if (method.kind === 'unary') {
      return {
        ...method,
        handle: (message: Buffer, call: GrpcCall) =>
          told(
            async () => method.handle(message, call),
            (thrown) => done(call.context, call.peer, thrown),
          ),
      };
    }
    return {
      ...method,
      handle: (messages, reply, call) =>
        told(
          () => method.handle(messages, reply, call),
          (thrown) => done(call.context, call.peer, thrown),
        ),
    };
  }

  /** Callers who are not let in; the transport answers them. Never what they sent as their key. */
  authenticate(authenticate: Authenticate, front: Front): Authenticate {
    const note = (path: string, fields: object): void => {
      const [asked = ''] = path.split('?', 1);
      this.#logger.warn({ front, asked: printable(asked, 256), ...fields }, refusedMessage);
    };
    return (header, asked) => {
      try {
        const principal = authenticate(header, asked);
        if (asked !== undefined && asked.scope !== 'none' && !principal.scopes.has(asked.scope)) {
          note(asked.path, { reason: 'SCOPE_MISSING', principal: principal.name, scope: asked.scope });
        }
        return principal;
      } catch (error) {
        note(asked?.path ?? '', { reason: ServingError.from(error).reason });
        throw error;
      }
    };
  }

  /** Probes have no line. */
  endpoint(route: string, endpoint: Endpoint): Endpoint {
    if (endpoint.scope === 'none') return endpoint;
    const around = (method: string, handler: Handler | undefined): Handler | undefined =>
      handler === undefined ? undefined : this.#handler(handler, method, route);
    return {
      ...endpoint,
      get: around('GET', endpoint.get),
      post: around('POST', endpoint.post),
      put: around('PUT', endpoint.put),
      delete: around('DELETE', endpoint.delete),
    };
  }

  #handler(handler: Handler, method: string, route: string): Handler {
    return async (call) => {
      const { context, path } = call;
      if (path.model !== '' && !this.#asked.has(context)) {
        this.#asked.set(context, { model: path.model, version: path.version, id: '' });
      }
      const reply = await told(
        async () => handler(call),
        (thrown) => {
          if (thrown === undefined) return;
          const status = httpStatusCodes[ServingError.from(thrown).code];
          this.#write(context, thrown, { method, route, status });
        },
      );
      const { more, status } = reply;
      const end = (): void => this.#write(context, undefined, { method, route, status });
      if (more === undefined) {
        end();
        return reply;
      }
      return { ...reply, more: (write) => more(write).finally(end) };
    };
  }

  #write(context: CallContext, thrown: unknown, call: object): void {
    const asked = this.#asked.get(context);
    const reason = thrown === undefined ? undefined : ServingError.from(thrown).reason;
    const traceId = /^[0-9a-f]{2}-([0-9a-f]{32})-/.exec(context.header?.('traceparent') ?? '')?.[1];
    const { experiment, arm } = context;
    this.#logger.info(
      {
        front: context.front,
        ...call,
        ...(reason === undefined ? {} : { reason }),
        ...(asked === undefined ? {} : { model: printable(asked.model) }),
        ...(asked === undefined || asked.version === '' ? {} : { version: printable(asked.version) }),
        ...(asked === undefined || asked.id === '' ? {} : { id: printable(asked.id) }),
        ...(experiment === '' ? {} : { experiment, arm }),
        principal: context.principal.name,
        requestBytes: context.sizeBytes,
        durationMs: Number((this.#clock.now() - context.receivedAt).toFixed(3)),
        ...(traceId === undefined ? {} : { traceId }),
      },
      accessMessage,
    );
  }
}

/** Calls `done` with what `run` throws, or with nothing. */
async function told<T>(run: () => Promise<T>, done: (thrown: unknown) => void): Promise<T> {
  let result: T;
  try {
    result = await run();
  } catch (error) {
    done(error);
    throw error;
  }
  done(undefined);
  return result;
}
