import { connect, type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2';

/** What came back on one stream, as it stood on the wire. */
export interface WireReply {
  readonly headers: IncomingHttpHeaders;
  /** undefined when the first header block ended the stream: a trailers-only reply. */
  readonly trailers: IncomingHttpHeaders | undefined;
  readonly body: Buffer;
  readonly resetCode: number;
}

/** An HTTP/2 connection without any gRPC library. */
export class WireClient implements AsyncDisposable {
  readonly session: ClientHttp2Session;
  /** Last-stream ids of the GOAWAY frames received. */
  readonly goaways: number[] = [];
  readonly closed: Promise<void>;

  constructor(address: string) {
    this.session = connect(`http://${address}`);
    this.session.on('error', () => {});
    this.session.on('goaway', (_code, lastStreamId) => this.goaways.push(lastStreamId));
    this.closed = new Promise((resolve) => {
      this.session.once('close', resolve);
    });
  }

  /** One call; `body` as it is, framed already. */
  call(path: string, body: Buffer, headers: Record<string, string | string[]> = {}): Promise<WireReply> {
    const stream = this.session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    });
    return new Promise((resolve) => {
      let first: IncomingHttpHeaders = {};
      let trailers: IncomingHttpHeaders | undefined;
      const parts: Buffer[] = [];
      stream.on('response', (received) => {
        first = received;
      });
      stream.on('trailers', (received) => {
        trailers = received;
      });
      stream.on('data', (part: Buffer) => parts.push(part));
      stream.on('error', () => {});
      stream.on('close', () => {
        const resetCode = stream.rstCode ?? 0;
        resolve({ headers: first, trailers, body: Buffer.concat(parts), resetCode });
      });
      stream.end(body);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.session.destroy();
    await this.closed;
  }
}

/** A gRPC message as it is framed: compressed flag, length, bytes. */
export function frame(message: Uint8Array, flag = 0): Buffer {
  const head = Buffer.alloc(5);
  head[0] = flag;
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}
