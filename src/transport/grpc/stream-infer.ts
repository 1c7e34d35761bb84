import { ServingError } from '../../errors.ts';
import { CallContext } from '../../inference/call-context.ts';
import type { Infer } from '../../inference/infer.ts';
import type { InferResponse } from '../../inference/response.ts';
import type { Clock } from '../../util/clock.ts';
import { readRequestId } from './infer-request-decoder.ts';
import { encodeStreamError } from './infer-response-encoder.ts';
import type { InferCodec } from './infer.ts';
import type { Encoded, GrpcCall, ReplyStream, StreamMethod } from './method.ts';
import { inferenceService } from './protocol-method.ts';
import { clientMessage } from './status.ts';

/** Requests of one stream that may be under way at once; the next message is read when one of them is answered. */
const maxInFlight = 64;

/** Metadata with which a client asks for a status instead of an error message. */
const statusMetadata = 'triton_grpc_error';

/**
 * ModelStreamInfer. Answers keep the order of the requests. A failed request is answered in its place and the stream goes
 * on, unless the client sent `triton_grpc_error: true`: then the first failure ends the stream with its status. Bytes
 * that are no message always end it.
 */
export function createStreamInferRpc(infer: Infer, codec: InferCodec, clock: Clock): StreamMethod {
  return {
    kind: 'stream',
    path: inferenceService().method('ModelStreamInfer').path,
    scope: 'infer',
    handle: (messages, reply, call) => new InferStream({ infer, codec, clock, reply, call }).run(messages),
  };
}

interface InferStreamOptions {
  readonly infer: Infer;
  readonly codec: InferCodec;
  readonly clock: Clock;
  readonly reply: ReplyStream;
  readonly call: GrpcCall;
}

/** One call of ModelStreamInfer. */
class InferStream {
  readonly #options: InferStreamOptions;
  readonly #endsOnFailure: boolean;
  /** Contexts of the requests that have no written answer yet; at most maxInFlight. */
  readonly #open = new Set<CallContext>();
  readonly #end = Promise.withResolvers<void>();
  /** Resolves when all answers so far are written. */
  #written: Promise<void> = Promise.resolve();
  #wakeReader: (() => void) | undefined = undefined;
  #ended = false;

  constructor(options: InferStreamOptions) {
    this.#options = options;
    this.#endsOnFailure = options.call.metadata(statusMetadata) === 'true';
    options.call.context.onCancelled(() => this.#fail(cancelled()));
  }

  run(messages: AsyncIterable<Buffer>): Promise<void> {
    this.#read(messages).then(
      () => this.#finish(),
      (thrown: unknown) => this.#fail(thrown),
    );
    return this.#end.promise;
  }

  async #read(messages: AsyncIterable<Buffer>): Promise<void> {
    for await (const message of messages) {
      if (this.#ended) return;
      if (this.#open.size >= maxInFlight) await this.#room();
      this.#accept(message);
    }
    await this.#written;
  }

  #room(): Promise<void> {
    return new Promise((resolve) => {
      this.#wakeReader = resolve;
    });
  }

  #accept(message: Buffer): void {
    const { call, clock } = this.#options;
    const { deadline, principal } = call.context;
    const context = new CallContext(clock.now(), deadline, principal, message.length);
    context.streaming = true;
    context.front = 'grpc';
    context.origin = call.context;
    this.#open.add(context);
    const answer = this.#answer(message, context);
    // Failures of both are taken care of where they are awaited; the chain itself never rejects.
    this.#written = this.#written.then(() => this.#write(answer, context));
  }

  /** Never rejects, because nobody listens before its turn to be written comes. An error ends the stream. */
  async #answer(message: Buffer, context: CallContext): Promise<Encoded | ServingError> {
    const { infer, codec } = this.#options;
    try {
      const response = await infer(codec.decoder.decode(message), context);
      return codec.encoder.encodeInStream(response, withFinalFlag(response));
    } catch (thrown) {
      const error = ServingError.from(thrown);
      return this.#endsOnFailure ? error : encodeFailure(message, error);
    }
  }

  async #write(answer: Promise<Encoded | ServingError>, context: CallContext): Promise<void> {
    try {
      const outcome = await answer;
      if (outcome instanceof ServingError) this.#fail(outcome);
      else if (!this.#ended) await this.#options.reply.send(outcome);
    } catch (thrown) {
      this.#fail(thrown);
    }
    this.#open.delete(context);
    context.finish();
    this.#wakeReader?.();
    this.#wakeReader = undefined;
  }

  #finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#end.resolve();
  }

  #fail(thrown: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const context of this.#open) context.cancel();
    this.#end.reject(ServingError.from(thrown));
  }
}

/** The answer to a failed request, or the error that ends the stream when the bytes are no message. */
function encodeFailure(message: Buffer, error: ServingError): Encoded | ServingError {
  if (error.reason === 'MALFORMED_MESSAGE') return error;
  try {
    return encodeStreamError(clientMessage(error.message), readRequestId(message));
  } catch (thrown) {
    return ServingError.from(thrown);
  }
}

const finalFlag = 'triton_final_response';
const onlyFinalFlag = new Map([[finalFlag, true]]);

function withFinalFlag({ parameters }: InferResponse): InferResponse['parameters'] {
  return parameters.size === 0 ? onlyFinalFlag : new Map([...parameters, [finalFlag, true]]);
}

function cancelled(): ServingError {
  return new ServingError('cancelled', 'stream was cancelled');
}
