import {
  createServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { encodeHeaderBlock } from '../../src/transport/h2/hpack-encode.ts';
import { defaultLimits } from '../../src/transport/h2/limits.ts';
import { H2Listener } from '../../src/transport/h2/listener.ts';
import type { RequestHead } from '../../src/transport/h2/request-head.ts';
import type { H2Stream, StreamSink } from '../../src/transport/h2/stream.ts';
import { systemClock } from '../../src/util/clock.ts';
import { parseFrames } from '../support/h2-frames.ts';
import { lastPing } from './conversation.ts';
import type { Random } from './random.ts';

/** Answers with what it understood of the request: its x- fields and the bytes of its body. */
function answer(fields: readonly (readonly [string, string])[], bodyBytes: number, bodySum: number): Buffer {
  const shown = fields.filter(([name]) => name.startsWith('x-')).map(([name, value]) => `${name}=${value}`);
  return Buffer.from(`${shown.sort().join(',')} ${bodyBytes} ${bodySum}`);
}

const okHeaders = encodeHeaderBlock([[':status', '200']]);
const trailers = encodeHeaderBlock([['x-end', '1']]);

class AnsweringSink implements StreamSink {
  readonly #stream: H2Stream;
  readonly #head: RequestHead;
  #bytes = 0;
  #sum = 0;

  constructor(stream: H2Stream, head: RequestHead) {
    this.#stream = stream;
    this.#head = head;
  }

  onData(chunk: Buffer, start: number, end: number): void {
    for (let at = start; at < end; at++) this.#sum += chunk[at]!;
    this.#bytes += end - start;
    this.#stream.credit(end - start);
  }

  onEnd(): void {
    const fields = this.#head.fields.map(({ name, value }) => [name, value] as const);
    const blocks = { headers: okHeaders, trailers };
    this.#stream.reply(blocks, Buffer.alloc(0), answer(fields, this.#bytes, this.#sum));
  }

  onDrained(): void {}
  onDone(): void {}
  onAborted(): void {}
}

/** Our server; `failures` collects why connections ended. */
export async function startOurs(failures: unknown[]): Promise<H2Listener<RequestHead>> {
  return H2Listener.start({
    listen: { host: '127.0.0.1', port: 0 },
    tls: undefined,
    limits: defaultLimits,
    clock: systemClock,
    acceptor: { readRequest: (head) => head, open: (stream, head) => new AnsweringSink(stream, head) },
    onFailure: (_peer, error) => failures.push(error),
  });
}

/** Drains at the end of a test, however it ends. */
export function disposable(listener: H2Listener<RequestHead>): AsyncDisposable {
  return { [Symbol.asyncDispose]: () => listener.drain(0) };
}

/** The reference: node:http2, which is nghttp2. */
export async function startReference(): Promise<{ readonly port: number } & AsyncDisposable> {
  const server = createServer({
    settings: {
      maxConcurrentStreams: defaultLimits.maxConcurrentStreams,
      initialWindowSize: defaultLimits.streamWindowBytes,
    },
  });
  const sessions = new Set<ServerHttp2Session>();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => {});
    session.on('close', () => sessions.delete(session));
  });
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    let bytes = 0;
    let sum = 0;
    stream.on('error', () => {});
    stream.on('data', (part: Buffer) => {
      bytes += part.length;
      for (const byte of part) sum += byte;
    });
    stream.on('end', () => {
      if (stream.destroyed) return;
      const fields = Object.entries(headers).flatMap(([name, value]) =>
        String(value)
          .split(', ')
          .map((one) => [name, one] as const),
      );
      stream.respond({ ':status': 200 });
      stream.end(answer(fields, bytes, sum));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** What a server made of a conversation. */
export interface Verdict {
  /** Bodies of complete answers by stream. */
  readonly answers: ReadonlyMap<number, string>;
  /** The final PING was answered: all before it was accepted. */
  readonly acknowledged: boolean;
  /** The server closed the connection after the client had, within the time. */
  readonly closed: boolean;
}

const patienceMs = 60_000;

/**
 * Sends the bytes in random parts, waits until `streams` answers and the PING's are there, or nothing more has come
 * for `quietMs`, and closes.
 */
export function converse(
  port: number,
  bytes: Buffer,
  random: Random,
  wait: { readonly streams: number; readonly quietMs: number },
): Promise<Verdict> {
  return new Promise((resolve) => {
    const received: Buffer[] = [];
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    let verdict = read(received);
    let closed = true;
    const close = (): void => void socket.end();
    let quiet = setTimeout(close, wait.quietMs);
    const hung = setTimeout(() => {
      closed = false;
      socket.destroy();
    }, patienceMs);
    socket.on('error', () => {});
    socket.on('data', (part: Buffer) => {
      received.push(part);
      verdict = read(received);
      clearTimeout(quiet);
      if (verdict.acknowledged && verdict.answers.size >= wait.streams) close();
      else quiet = setTimeout(close, wait.quietMs);
    });
    socket.on('close', () => {
      clearTimeout(quiet);
      clearTimeout(hung);
      resolve({ ...verdict, closed });
    });
    for (let at = 0; at < bytes.length;) {
      const size = random.pick([1, 2, 9, 100, 5000, 100_000]);
      socket.write(bytes.subarray(at, at + size));
      at += size;
    }
  });
}

function read(received: readonly Buffer[]): Verdict {
  const bodies = new Map<number, string>();
  const answers = new Map<number, string>();
  let acknowledged = false;
  for (const { type, flags, streamId, payload } of parseFrames(Buffer.concat(received))) {
    if (type === 0) bodies.set(streamId, (bodies.get(streamId) ?? '') + payload.toString());
    if (type <= 1 && (flags & 1) === 1) answers.set(streamId, bodies.get(streamId) ?? '');
    if (type === 6 && flags === 1 && payload.equals(lastPing)) acknowledged = true;
  }
  return { answers, acknowledged, closed: true };
}
