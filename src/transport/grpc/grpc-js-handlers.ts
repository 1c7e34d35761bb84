import type {
  handleBidiStreamingCall,
  handleUnaryCall,
  Metadata,
  sendUnaryData,
  ServerUnaryCall,
} from '@grpc/grpc-js';
import { ServingError } from '../../errors.ts';
import { authorize } from './authorize.ts';
import { createContext, GrpcJsCall, type SurfaceCall } from './grpc-js-call.ts';
import { GrpcJsReplyStream, prepareReply, replyHeaders, toServiceError } from './grpc-js-reply.ts';
import { MessageQueue } from './message-queue.ts';
import type { Encoded, GrpcMethod, GrpcServerOptions, StreamMethod, UnaryMethod } from './method.ts';

/** What all calls of one server share. */
export interface ServerState {
  readonly options: GrpcServerOptions;
  /** True from the start of draining: new calls are refused. */
  draining: boolean;
}

/** @throws (as a status) when the call may not be made. */
function open(state: ServerState, method: GrpcMethod, call: SurfaceCall, sizeBytes: number): GrpcJsCall {
  const { options } = state;
  if (state.draining) {
    throw new ServingError(
      'unavailable',
      'GRPC server is shutting down and has stopped accepting new requests.',
      { reason: 'SHUTTING_DOWN' },
    );
  }
  const header = (name: string): string | undefined => {
    const [value] = call.metadata.get(name);
    return typeof value === 'string' ? value : undefined;
  };
  const principal = authorize(method, options.authenticate, header);
  const unixPath = 'unixPath' in options.listen ? options.listen.unixPath : undefined;
  const context = createContext(call, principal, sizeBytes, options.clock);
  context.header = header;
  return new GrpcJsCall(call, context, unixPath);
}

/** Mounts a unary method. */
export function unaryHandler(state: ServerState, method: UnaryMethod): handleUnaryCall<Buffer, Buffer> {
  return (surface, callback) => {
    let call: GrpcJsCall;
    try {
      call = open(state, method, surface, surface.request.length);
    } catch (thrown) {
      callback(toServiceError(thrown, undefined));
      return;
    }
    new UnaryRun(surface, call, callback).start(method);
  };
}

/**
 * One unary call. grpc-js emits 'cancelled' on every call, also after its reply was written, and then once: so the call
 * is over when that event and the handler's result have both come, and was cancelled only if the event came first.
 */
class UnaryRun {
  readonly #surface: ServerUnaryCall<Buffer, Buffer>;
  readonly #call: GrpcJsCall;
  readonly #callback: sendUnaryData<Buffer>;
  #settled = false;
  #closed = false;

  constructor(surface: ServerUnaryCall<Buffer, Buffer>, call: GrpcJsCall, callback: sendUnaryData<Buffer>) {
    this.#surface = surface;
    this.#call = call;
    this.#callback = callback;
  }

  start(method: UnaryMethod): void {
    this.#surface.on('cancelled', () => {
      this.#closed = true;
      if (this.#settled) this.#call.context.finish();
      else this.#call.context.cancel();
    });
    try {
      const result = method.handle(this.#surface.request, this.#call);
      if (result instanceof Promise) result.then(this.#reply, this.#fail);
      else this.#reply(result);
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  readonly #reply = (message: Encoded): void => {
    const prepared = prepareReply(message, this.#call);
    if (prepared instanceof Promise) prepared.then(this.#send, this.#fail);
    else this.#send(prepared);
  };

  readonly #send = (buffer: Buffer): void => {
    this.#settle();
    if (this.#closed) return;
    const headers = replyHeaders(this.#call);
    if (headers !== undefined) this.#surface.sendMetadata(headers);
    this.#callback(null, buffer, this.#call.trailers);
  };

  readonly #fail = (thrown: unknown): void => {
    this.#settle();
    if (!this.#closed) this.#callback(toServiceError(thrown, this.#call));
  };

  #settle(): void {
    this.#settled = true;
    if (this.#closed) this.#call.context.finish();
  }
}

/** Mounts a streaming method of any shape. */
export function streamHandler(
  state: ServerState,
  method: StreamMethod,
): handleBidiStreamingCall<Buffer, Buffer> {
  return (stream) => {
    // What was registered for a failure sends trailers only, as long as nothing has been sent.
    const fail = (error: { code: number; details: string; metadata: Metadata }): boolean =>
      stream.emit('error', error);
    let call: GrpcJsCall;
    try {
      call = open(state, method, stream, 0);
    } catch (thrown) {
      fail(toServiceError(thrown, undefined));
      return;
    }
    const messages = new MessageQueue(stream);
    const reply = new GrpcJsReplyStream(stream, call);
    let settled = false;
    let closed = false;
    stream.on('data', (message: Buffer) => messages.push(message));
    stream.on('end', () => messages.end());
    stream.on('cancelled', () => {
      closed = true;
      reply.close();
      messages.fail(new ServingError('cancelled', 'call was cancelled'));
      if (settled) call.context.finish();
      else call.context.cancel();
    });
    const settle = (end: () => void): void => {
      settled = true;
      if (closed) call.context.finish();
      else end();
      messages.fail(new ServingError('cancelled', 'call has ended'));
    };
    const handle = async (): Promise<void> => method.handle(messages, reply, call);
    handle().then(
      () => settle(() => stream.end(call.trailers)),
      (thrown: unknown) => settle(() => fail(toServiceError(thrown, call, reply.unsentHeaders))),
    );
  };
}
