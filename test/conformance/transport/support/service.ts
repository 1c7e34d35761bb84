import { ServingError, type ErrorCode } from '../../../../src/errors.ts';
import type { CallContext } from '../../../../src/inference/call-context.ts';
import type { Encoded, GrpcCall, GrpcMethod } from '../../../../src/transport/grpc/method.ts';

/** What a failing method is told to fail with, as JSON in the request. */
export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly reason?: string;
  readonly retryAfterMs?: number;
}

/** A call that waits in Hold until the test lets it go. */
export interface HeldCall {
  readonly call: GrpcCall;
  release(reply: Encoded): void;
  /** Resolves when the context was cancelled, or finished. */
  readonly cancelled: Promise<void>;
  readonly finished: Promise<void>;
}

/** Methods that exercise a transport, and what they saw. */
export class ConformanceService {
  readonly methods: readonly GrpcMethod[];
  /** Contexts of all calls of Echo, in order of arrival. */
  readonly contexts: CallContext[] = [];
  readonly #held: HeldCall[] = [];
  #onHeld: ((held: HeldCall) => void) | undefined;

  constructor() {
    this.methods = [
      unary('Echo', (message, call) => {
        this.contexts.push(call.context);
        return message;
      }),
      unary('EchoLater', async (message) => {
        await Promise.resolve();
        return message;
      }),
      unary('Pieces', (message) => [message.subarray(0, 3), message.subarray(3), Buffer.from('.')]),
      unary('Fail', (message) => {
        const { code, message: text, ...options } = JSON.parse(message.toString()) as Failure;
        throw new ServingError(code, text, options);
      }),
      unary('Break', () => {
        throw new Error('secret of /etc/passwd');
      }),
      unary('Metadata', echoMetadata),
      unary('MetadataThenFail', (message, call) => {
        echoMetadata(message, call);
        throw new ServingError('not_found', 'nothing');
      }),
      unary('Peer', (_message, call) => Buffer.from(call.peer)),
      unary('Hold', (_message, call) => this.#hold(call)),
      { ...unary('Admin', (message) => message), scope: 'admin' },
      { ...unary('Open', (message) => message), scope: 'none' },
      stream('Chat', async (messages, reply) => {
        for await (const message of messages) await reply.send(message);
      }),
      stream('Collect', async (messages, reply) => {
        const parts: Buffer[] = [];
        for await (const message of messages) parts.push(message);
        await reply.send(Buffer.concat(parts));
      }),
      stream('Burst', async (messages, reply, call) => {
        for await (const message of messages) {
          const [count = 0, size = 0] = JSON.parse(message.toString()) as number[];
          for (let index = 0; index < count; index++) await reply.send(Buffer.alloc(size, index));
          call.addTrailer('x-sent', String(count));
        }
      }),
      stream('FailAfterOne', async (_messages, reply, call) => {
        call.addHeader('x-first', 'yes');
        await reply.send(Buffer.from('one'));
        throw new ServingError('failed_precondition', 'after one');
      }),
      stream('FailAtOnce', async (_messages, _reply, call) => {
        call.addHeader('x-first', 'yes');
        throw new ServingError('failed_precondition', 'at once');
      }),
    ];
  }

  /** The next call that arrives in Hold, or has and was not taken yet. */
  held(): Promise<HeldCall> {
    const waiting = this.#held.shift();
    if (waiting !== undefined) return Promise.resolve(waiting);
    return new Promise((resolve) => {
      this.#onHeld = resolve;
    });
  }

  #hold(call: GrpcCall): Promise<Encoded> {
    const { promise, resolve } = Promise.withResolvers<Encoded>();
    const cancelled = new Promise<void>((done) => call.context.onCancelled(done));
    const finished = new Promise<void>((done) => call.context.onFinished(done));
    const held: HeldCall = { call, release: resolve, cancelled, finished };
    void cancelled.then(() => resolve(Buffer.alloc(0)));
    if (this.#onHeld === undefined) this.#held.push(held);
    else this.#onHeld(held);
    this.#onHeld = undefined;
    return promise;
  }
}

export const servicePath = '/tensorgate.test.Conformance/';

type UnaryHandle = Extract<GrpcMethod, { kind: 'unary' }>['handle'];
type StreamHandle = Extract<GrpcMethod, { kind: 'stream' }>['handle'];

function unary(rpc: string, handle: UnaryHandle): GrpcMethod {
  return { kind: 'unary', path: servicePath + rpc, scope: 'infer', handle };
}

function stream(rpc: string, handle: StreamHandle): GrpcMethod {
  return { kind: 'stream', path: servicePath + rpc, scope: 'infer', handle };
}

function echoMetadata(message: Buffer, call: GrpcCall): Buffer {
  for (const name of ['x-text', 'x-data-bin']) {
    const value = call.metadata(name);
    if (value === undefined) continue;
    call.addHeader(name, value);
    call.addTrailer(`trailing-${name}`, value);
  }
  const all = [...call.allMetadata()].filter(([name]) => name === 'x-many').map(([, value]) => String(value));
  call.addTrailer('x-all', all.join('|'));
  return message;
}
