import { Metadata, type ServerDuplexStream, type ServerUnaryCall } from '@grpc/grpc-js';
import { CallContext } from '../../inference/call-context.ts';
import type { Principal } from '../../inference/principal.ts';
import type { Clock } from '../../util/clock.ts';
import type { GrpcCall, MetadataValue } from './method.ts';

/** A call of grpc-js with raw messages. */
export type SurfaceCall = ServerUnaryCall<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>;

/** Where the interceptor leaves the request's encoding, which grpc-js takes out of the metadata. */
export const requestEncodingKey = 'x-tensorgate-request-encoding';

/** What handlers see of a call of grpc-js. */
export class GrpcJsCall implements GrpcCall {
  readonly context: CallContext;
  readonly path: string;
  readonly #call: SurfaceCall;
  readonly #unixPath: string | undefined;
  #headers: Metadata | undefined = undefined;
  #trailers: Metadata | undefined = undefined;

  constructor(call: SurfaceCall, context: CallContext, unixPath: string | undefined) {
    this.#call = call;
    this.context = context;
    this.path = call.getPath();
    this.#unixPath = unixPath;
  }

  metadata(name: string): MetadataValue | undefined {
    return this.#call.metadata.get(name)[0];
  }

  *allMetadata(): Iterable<readonly [string, MetadataValue]> {
    for (const [name, values] of Object.entries(this.#call.metadata.toJSON())) {
      if (name === requestEncodingKey) continue;
      for (const value of values) yield [name, value];
    }
  }

  addHeader(name: string, value: MetadataValue): void {
    addTo((this.#headers ??= new Metadata()), name, value);
  }

  addTrailer(name: string, value: MetadataValue): void {
    addTo((this.#trailers ??= new Metadata()), name, value);
  }

  get peer(): string {
    return this.#unixPath === undefined ? this.#call.getPeer() : `unix:${this.#unixPath}`;
  }

  /** Initial metadata of a reply; undefined when there is nothing to say. */
  get headers(): Metadata | undefined {
    return this.#headers;
  }

  get trailers(): Metadata | undefined {
    return this.#trailers;
  }

  /** The request's own encoding when the reply may use it too: who sends gzip can read it. */
  get replyEncoding(): 'gzip' | 'deflate' | undefined {
    const [encoding] = this.#call.metadata.get(requestEncodingKey);
    return encoding === 'gzip' || encoding === 'deflate' ? encoding : undefined;
  }
}

/** @param sizeBytes of the request message; 0 for streams, whose messages count themselves. */
export function createContext(
  call: SurfaceCall,
  principal: Principal,
  sizeBytes: number,
  clock: Clock,
): CallContext {
  const now = clock.now();
  const deadline = call.getDeadline();
  const epochMs = deadline instanceof Date ? deadline.getTime() : deadline;
  // The library counts in the system's wall clock, which is not the injected one.
  const context = new CallContext(now, now + (epochMs - Date.now()), principal, sizeBytes);
  context.front = 'grpc';
  return context;
}

/** Appends; values of -bin names must be Buffers for grpc-js. */
export function addTo(metadata: Metadata, name: string, value: MetadataValue): void {
  metadata.add(name, typeof value === 'string' ? value : Buffer.from(value));
}
