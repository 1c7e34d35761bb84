import { ServingError } from '../../errors.ts';
import { CallContext } from '../../inference/call-context.ts';
import type { Infer } from '../../inference/infer.ts';
import { noParameters, type InferRequest, type Parameters } from '../../inference/request.ts';
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

/** Metadata with which a client of MLServer's proto asks for its form, when its value is this. */
const formMetadata = 'tensorgate-stream-form';
const bareForm = 'mlserver';

/**
 * ModelStreamInfer. Answers keep the order of the requests, but those of decoupled models, which leave as they are made;
 * each says whether it is its request's last. A failed request is answered in its place and the stream goes
 * on, unless the client sent `triton_grpc_error: true`: then the first failure ends the stream with its status. Bytes
 * that are no message always end it.
 *
 * MLServer gives the rpc the same name and other answers: a ModelInferResponse each, with no place for a failure or for
 * which is the last. Neither proto reads the other's, so it is sent to those only who ask for it.
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
  /** MLServer's form. */
  readonly #bare: boolean;
  /** Contexts of the requests that have no written answer yet; at most maxInFlight. */
  readonly #open = new Set<CallContext>();
  readonly #end = Promise.withResolvers<void>();
  /** Resolves when all answers so far that keep their order are written. */
  #inOrder: Promise<void> = Promise.resolve();
  /** Resolves when the transport can take more: it is given one message at a time. */
  #sending: Promise<void> = Promise.resolve();
  #wakeReader: (() => void) | undefined = undefined;
  #ended = false;

  constructor(options: InferStreamOptions) {
    this.#options = options;
    this.#bare = options.call.metadata(formMetadata) === bareForm;
    this.#endsOnFailure = this.#bare || options.call.metadata(statusMetadata) === 'true';
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
    while (this.#open.size > 0) await this.#room();
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
    context.takeAnswer = this.#takeAnswer;
    context.front = 'grpc';
    context.origin = call.context;
    this.#open.add(context);
    const written = this.#write(this.#answer(message, context), context, this.#inOrder);
    if (!context.decoupled) this.#inOrder = written;
  }

  /** Of answers that are not the last. Rejects once nobody reads any more. */
  readonly #takeAnswer = (response: InferResponse): Promise<void> => {
    return this.#send(this.#encode(response, 'more follow'));
  };

  #encode(response: InferResponse, which: 'last' | 'more follow'): Encoded {
    const { encoder } = this.#options.codec;
    if (this.#bare) return encoder.encode(response);
    return encoder.encodeInStream(response, withFinalFlag(response, which));
  }

  #send(message: Encoded): Promise<void> {
    const sent = this.#sending.then(() => {
      if (this.#ended) throw cancelled();
      return this.#options.reply.send(message);
    });
    this.#sending = sent.catch(() => undefined);
    return sent;
  }

  /**
   * Never rejects, because nobody listens before its turn to be written comes. An error ends the stream; undefined where
   * all has been said.
   */
  async #answer(message: Buffer, context: CallContext): Promise<Encoded | ServingError | undefined> {
    const { infer, codec } = this.#options;
    try {
      const request = codec.decoder.decode(message);
      const response = await infer(request, context);
      if (context.decoupled && response.outputs.length === 0 && (this.#bare || !wantsEmptyAnswer(request))) {
        return undefined;
      }
      return this.#encode(response, 'last');
    } catch (thrown) {
      const error = ServingError.from(thrown);
      return this.#endsOnFailure ? error : encodeFailure(message, error, context);
    }
  }

  /** Never rejects. @param earlier Resolves when the answers are written that those of models which answer once wait for. */
  async #write(
    answer: Promise<Encoded | ServingError | undefined>,
    context: CallContext,
    earlier: Promise<void>,
  ): Promise<void> {
    try {
      const outcome = await answer;
      if (!context.decoupled) await earlier;
      if (outcome instanceof ServingError) this.#fail(outcome);
      else if (outcome !== undefined) await this.#send(outcome);
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
function encodeFailure(message: Buffer, error: ServingError, call: CallContext): Encoded | ServingError {
  if (error.reason === 'MALFORMED_MESSAGE') return error;
  try {
    // Who counts answers until the last one must learn that no more come.
    const parameters = call.decoupled ? lastOnly : noParameters;
    return encodeStreamError(clientMessage(error.message), readRequestId(message), parameters);
  } catch (thrown) {
    return ServingError.from(thrown);
  }
}

const finalFlag = 'triton_final_response';
const lastOnly: Parameters = new Map([[finalFlag, true]]);
const moreFollowOnly: Parameters = new Map([[finalFlag, false]]);

function withFinalFlag({ parameters }: InferResponse, which: 'last' | 'more follow'): Parameters {
  const last = which === 'last';
  if (parameters.size > 0) return new Map([...parameters, [finalFlag, last]]);
  return last ? lastOnly : moreFollowOnly;
}

/** Of decoupled models, whose last answer may hold nothing but the flag. */
function wantsEmptyAnswer({ parameters }: InferRequest): boolean {
  return parameters.get('triton_enable_empty_final_response') === true;
}

function cancelled(): ServingError {
  return new ServingError('cancelled', 'stream was cancelled');
}
