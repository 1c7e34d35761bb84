import { Metadata, type ServerDuplexStream } from '@grpc/grpc-js';
import { ServingError } from '../../errors.ts';
import { addTo, type GrpcJsCall } from './grpc-js-call.ts';
import type { Encoded, ReplyStream } from './method.ts';
import { compressFromBytes, compressMessage, markCompressed } from './reply-compression.ts';
import { toGrpcStatus } from './status.ts';

/** grpc-js sends one buffer per message. */
function toBuffer(message: Encoded): Buffer {
  if (message instanceof Uint8Array) {
    return Buffer.isBuffer(message)
      ? message
      : Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  }
  return Buffer.concat(message);
}

/** The reply as grpc-js sends it: compressed when the request was and it pays. */
export function prepareReply(message: Encoded, call: GrpcJsCall): Buffer | Promise<Buffer> {
  const encoding = call.replyEncoding;
  const buffer = toBuffer(message);
  if (encoding === undefined || buffer.length < compressFromBytes) return buffer;
  return compressMessage(buffer, encoding).then(markCompressed);
}

/** The initial metadata of a reply, or undefined when grpc-js's own say all. */
export function replyHeaders(call: GrpcJsCall): Metadata | undefined {
  const encoding = call.replyEncoding;
  if (encoding === undefined) return call.headers;
  const headers = call.headers ?? new Metadata();
  headers.set('grpc-encoding', encoding);
  return headers;
}

/**
 * What grpc-js takes for a failed call.
 *
 * @param unsentHeaders initial metadata that were never sent, because nothing was: they join the trailers.
 */
export function toServiceError(
  thrown: unknown,
  call: GrpcJsCall | undefined,
  unsentHeaders: Metadata | undefined = call?.headers,
): { code: number; details: string; metadata: Metadata } {
  const { code, message, trailers } = toGrpcStatus(thrown);
  const metadata = new Metadata();
  if (unsentHeaders !== undefined) metadata.merge(unsentHeaders);
  if (call?.trailers !== undefined) metadata.merge(call.trailers);
  for (const [name, value] of trailers) addTo(metadata, name, value);
  return { code, details: message, metadata };
}

/** The outgoing half of a streaming call. */
export class GrpcJsReplyStream implements ReplyStream {
  readonly #stream: ServerDuplexStream<Buffer, Buffer>;
  readonly #call: GrpcJsCall;
  #drained: PromiseWithResolvers<void> | undefined = undefined;
  #started = false;
  #closed = false;

  constructor(stream: ServerDuplexStream<Buffer, Buffer>, call: GrpcJsCall) {
    this.#stream = stream;
    this.#call = call;
    stream.on('drain', () => {
      this.#drained?.resolve();
      this.#drained = undefined;
    });
  }

  /** Initial metadata that wait for the first message. */
  get unsentHeaders(): Metadata {
    return (this.#started ? undefined : this.#call.headers) ?? new Metadata();
  }

  async send(message: Encoded): Promise<void> {
    const prepared = prepareReply(message, this.#call);
    const buffer = prepared instanceof Promise ? await prepared : prepared;
    if (this.#closed) throw cancelled();
    if (!this.#started) {
      this.#started = true;
      const headers = replyHeaders(this.#call);
      if (headers !== undefined) this.#stream.sendMetadata(headers);
    }
    if (this.#stream.write(buffer)) return undefined;
    this.#drained ??= Promise.withResolvers();
    return this.#drained.promise;
  }

  /** Nobody reads any more. */
  close(): void {
    this.#closed = true;
    this.#drained?.reject(cancelled());
    this.#drained = undefined;
  }
}

function cancelled(): ServingError {
  return new ServingError('cancelled', 'call was cancelled');
}
