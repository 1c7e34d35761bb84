import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** What came back for one request of HTTP/1.1. */
export interface RawReply {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

/** A connection that sends what the test says, byte by byte if need be, and reads replies that have a length. */
export class RawConnection implements Disposable {
  readonly socket: Socket;
  readonly closed: Promise<unknown>;
  #received: Buffer = Buffer.alloc(0);

  constructor(address: string) {
    const [host, port] = address.split(':');
    this.socket = connect({ host, port: Number(port), noDelay: true });
    this.socket.on('error', () => {});
    this.socket.on('data', (bytes: Buffer) => {
      this.#received = Buffer.concat([this.#received, bytes]);
    });
    this.closed = new Promise((resolve) => this.socket.once('close', resolve));
  }

  /** Everything that came and was not read as a reply. */
  get received(): Buffer {
    return this.#received;
  }

  send(...pieces: readonly (string | Uint8Array)[]): void {
    for (const piece of pieces) this.socket.write(piece);
  }

  /** Sends each piece in a packet of its own. */
  async sendApart(...pieces: readonly (string | Uint8Array)[]): Promise<void> {
    for (const piece of pieces) {
      await new Promise<void>((resolve) => this.socket.write(piece, () => resolve()));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** The next reply; rejects when the connection ends before it is complete. */
  async reply(): Promise<RawReply> {
    for (;;) {
      const reply = this.#takeReply();
      if (reply !== undefined) return reply;
      if (this.socket.closed) throw new Error(`closed after ${this.#received.toString('latin1', 0, 200)}`);
      await Promise.race([once(this.socket, 'data').catch(() => undefined), this.closed]);
    }
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }

  #takeReply(): RawReply | undefined {
    const end = this.#received.indexOf('\r\n\r\n');
    if (end === -1) return undefined;
    const [first = '', ...lines] = this.#received.toString('latin1', 0, end).split('\r\n');
    const headers = new Map(
      lines.map((line): [string, string] => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
      }),
    );
    const status = Number(first.split(' ')[1]);
    const length = Number(headers.get('content-length') ?? 0);
    const start = end + 4;
    if (this.#received.length < start + length) return undefined;
    const body = this.#received.subarray(start, start + length);
    this.#received = this.#received.subarray(start + length);
    return { status, headers, body };
  }
}

/** A request with a length, as text. */
export function rawPost(path: string, body: string, headers: Readonly<Record<string, string>> = {}): string {
  const fields = { host: 'localhost', 'content-length': String(Buffer.byteLength(body)), ...headers };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`;
}

export function chunk(bytes: string | Uint8Array): Buffer {
  const content = Buffer.from(bytes);
  return Buffer.concat([Buffer.from(`${content.length.toString(16)}\r\n`), content, Buffer.from('\r\n')]);
}

export const lastChunk = '0\r\n\r\n';
