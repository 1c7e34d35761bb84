import { once } from 'node:events';
import { status as grpcStatus, type ClientDuplexStream, type ServiceError } from '@grpc/grpc-js';
import { ServingError } from '../errors.ts';
import { servingError } from './connection.ts';
import { part } from './fields.ts';
import { decodeStreamReply, encodeInfer } from './infer-messages.ts';
import type { InferCall, InferStream, StreamReply } from './types.ts';

/** Wraps a call to ModelStreamInfer. Disposing cancels what still runs. */
export function createInferStream(
  call: ClientDuplexStream<object, object>,
  signal?: AbortSignal,
): InferStream {
  let failure: ServingError | undefined;
  const cancel = (): void => call.cancel();
  call.on('error', (error: ServiceError) => {
    failure = servingError(error);
  });
  call.once('close', () => signal?.removeEventListener('abort', cancel));
  if (signal?.aborted === true) cancel();
  else signal?.addEventListener('abort', cancel, { once: true });
  return {
    async send(request: InferCall): Promise<void> {
      if (failure !== undefined) throw failure;
      if (call.writableEnded) throw new ServingError('failed_precondition', 'the stream has been ended');
      if (!call.write(encodeInfer(request))) await writable(call);
    },
    end: () => void call.end(),
    replies: readReplies(call),
    async [Symbol.asyncDispose]() {
      if (call.destroyed || call.closed) return;
      const closed = once(call, 'close').catch(() => undefined);
      call.cancel();
      call.resume();
      await closed;
    },
  };
}

/** Room again, or the end of the call, whose error the replies tell. */
async function writable(call: ClientDuplexStream<object, object>): Promise<void> {
  const settled = new AbortController();
  const { signal } = settled;
  const room = once(call, 'drain', { signal }).catch(() => undefined);
  const closed = once(call, 'close', { signal }).catch(() => undefined);
  await Promise.race([room, closed]);
  settled.abort();
}

async function* readReplies(call: ClientDuplexStream<object, object>): AsyncGenerator<StreamReply> {
  try {
    for await (const message of call) yield decodeStreamReply(part(message));
  } catch (error) {
    throw isServiceError(error) ? servingError(error) : error;
  }
}

function isServiceError(error: unknown): error is ServiceError {
  return (
    error instanceof Error && 'code' in error && typeof error.code === 'number' && error.code in grpcStatus
  );
}
