import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadSync, type MethodDefinition } from '@grpc/proto-loader';
import type { Encoded, GrpcCall, GrpcMethod, ReplyStream } from '../../src/transport/grpc/method.ts';
import type { GrpcStatus } from '../../src/transport/grpc/status.ts';

const service = loadSync(join(import.meta.dirname, 'testing.proto'), { keepCase: true, defaults: true })[
  'grpc.testing.TestService'
] as Record<string, MethodDefinition<object, object>>;

/** A status that a request asks for; its code need not be one that our own service knows. */
export class EchoedStatus extends Error {
  readonly status: GrpcStatus;

  constructor(code: number, message: string) {
    super(message);
    this.status = { code, message, trailers: [] };
  }
}

interface Request {
  readonly payload: { readonly body: Buffer } | null;
  readonly response_size: number;
  readonly response_status: { readonly code: number; readonly message: string } | null;
  readonly response_parameters: readonly { readonly size: number; readonly interval_us: number }[];
}

function decode(method: string, message: Buffer): Request {
  return service[method]!.requestDeserialize(message) as Request;
}

function encode(method: string, reply: object): Buffer {
  return service[method]!.responseSerialize(reply);
}

function path(method: string): string {
  return service[method]!.path;
}

function echoMetadata(call: GrpcCall): void {
  const initial = call.metadata('x-grpc-test-echo-initial');
  if (initial !== undefined) call.addHeader('x-grpc-test-echo-initial', initial);
  const trailing = call.metadata('x-grpc-test-echo-trailing-bin');
  if (trailing !== undefined) call.addTrailer('x-grpc-test-echo-trailing-bin', trailing);
}

function throwAskedStatus({ response_status: status }: Request): void {
  if (status !== null && status.code !== 0) throw new EchoedStatus(status.code, status.message);
}

function answerUnary(message: Buffer, call: GrpcCall): Encoded {
  const request = decode('UnaryCall', message);
  echoMetadata(call);
  throwAskedStatus(request);
  return encode('UnaryCall', { payload: { type: 0, body: Buffer.alloc(request.response_size) } });
}

async function sendAll(method: string, request: Request, reply: ReplyStream): Promise<void> {
  for (const { size, interval_us: interval } of request.response_parameters) {
    if (interval > 0) await sleep(interval / 1000);
    await reply.send(encode(method, { payload: { type: 0, body: Buffer.alloc(size) } }));
  }
}

async function countInput(messages: AsyncIterable<Buffer>, reply: ReplyStream): Promise<void> {
  let size = 0;
  for await (const message of messages)
    size += decode('StreamingInputCall', message).payload?.body.length ?? 0;
  await reply.send(encode('StreamingInputCall', { aggregated_payload_size: size }));
}

async function duplex(messages: AsyncIterable<Buffer>, reply: ReplyStream, call: GrpcCall): Promise<void> {
  echoMetadata(call);
  for await (const message of messages) {
    const request = decode('FullDuplexCall', message);
    throwAskedStatus(request);
    await sendAll('FullDuplexCall', request, reply);
  }
}

async function output(messages: AsyncIterable<Buffer>, reply: ReplyStream): Promise<void> {
  for await (const message of messages) {
    await sendAll('StreamingOutputCall', decode('StreamingOutputCall', message), reply);
  }
}

async function halfDuplex(messages: AsyncIterable<Buffer>, reply: ReplyStream): Promise<void> {
  const requests: Request[] = [];
  for await (const message of messages) requests.push(decode('HalfDuplexCall', message));
  for (const request of requests) await sendAll('HalfDuplexCall', request, reply);
}

/** `grpc.testing.TestService` for either transport. */
export const testMethods: readonly GrpcMethod[] = [
  { kind: 'unary', scope: 'none', path: path('EmptyCall'), handle: () => Buffer.alloc(0) },
  { kind: 'unary', scope: 'none', path: path('UnaryCall'), handle: answerUnary },
  { kind: 'stream', scope: 'none', path: path('StreamingInputCall'), handle: countInput },
  { kind: 'stream', scope: 'none', path: path('StreamingOutputCall'), handle: output },
  { kind: 'stream', scope: 'none', path: path('FullDuplexCall'), handle: duplex },
  { kind: 'stream', scope: 'none', path: path('HalfDuplexCall'), handle: halfDuplex },
];
