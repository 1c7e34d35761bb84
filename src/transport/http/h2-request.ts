import type { IncomingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';
import { errorCode } from '../h2/protocol.ts';
import type { RequestHead } from '../h2/request-head.ts';
import type { H2Stream } from '../h2/stream.ts';
import type { PeerRequest } from './peer.ts';

/** What a header section means as an HTTP request. Shared by all requests with the same one. */
export interface H2RequestHead {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** The header section was larger than the limit. */
  readonly oversized: boolean;
}

/** Depends on nothing but the header section, so that it can be kept with it. */
export function readHttpRequest(head: RequestHead): H2RequestHead {
  const headers: IncomingHttpHeaders = Object.create(null);
  for (const { name, value, kind } of head.fields) {
    if (kind === 'ordinary' || kind === 'contentType' || kind === 'contentLength') headers[name] ??= value;
  }
  headers.host ??= head.authority;
  // A length that is not announced is said as HTTP/1.1 says it; this field cannot come over HTTP/2.
  if (head.contentLength === undefined) headers['transfer-encoding'] = 'chunked';
  return { method: head.method, url: head.path, headers, oversized: head.excess !== undefined };
}

/** One request over HTTP/2. Its window opens as the body is read. */
export class H2Request extends Readable implements PeerRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  complete = false;
  readonly #stream: H2Stream;
  /** Received before the reader wanted it. What was read counts as its reader's. */
  #owedBytes = 0;

  constructor(stream: H2Stream, { method, url, headers }: H2RequestHead) {
    super();
    this.method = method;
    this.url = url;
    this.headers = headers;
    this.#stream = stream;
    // The rest of the body must come at a least rate from now on.
    stream.awaitingSince = stream.openedAt;
    this.on('error', () => {});
  }

  /** `chunk[start, end)` is copied: it is valid during the call only. */
  receive(chunk: Buffer, start: number, end: number): void {
    const sizeBytes = end - start;
    if (this.destroyed) {
      this.#stream.credit(sizeBytes);
    } else if (this.push(Buffer.from(chunk.subarray(start, end)))) {
      this.#stream.credit(sizeBytes);
    } else if (this.#stream.hold(sizeBytes)) {
      this.#owedBytes += sizeBytes;
    } else {
      this.destroy();
    }
  }

  end(): void {
    this.complete = true;
    this.push(null);
  }

  override _read(): void {
    if (this.#owedBytes === 0) return;
    if (!this.#stream.isOver) {
      this.#stream.release(this.#owedBytes);
      this.#stream.credit(this.#owedBytes);
    }
    this.#owedBytes = 0;
  }

  /** A body that is given up ends its stream, unless the reply has ended it. */
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (!this.complete && !this.#stream.isOver) this.#stream.reset(errorCode.cancel);
    done(error);
  }
}
