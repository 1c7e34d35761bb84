import type { TlsOptions } from 'node:tls';
import { encodeHeaderBlock } from '../../src/transport/h2/hpack-encode.ts';
import { defaultLimits, type H2Limits } from '../../src/transport/h2/limits.ts';
import { H2Listener } from '../../src/transport/h2/listener.ts';
import type { H2Stream, StreamSink } from '../../src/transport/h2/stream.ts';
import { systemClock } from '../../src/util/clock.ts';

const headers = encodeHeaderBlock([[':status', '200']]);
const trailers = encodeHeaderBlock([['x-end', 'yes']]);
const body = Buffer.from('an answer of some length, so that windows smaller than it can be tested');

class PlainSink implements StreamSink {
  readonly #stream: H2Stream;

  constructor(stream: H2Stream) {
    this.#stream = stream;
  }

  onData(_chunk: Buffer, start: number, end: number): void {
    this.#stream.credit(end - start);
  }

  onEnd(): void {
    this.#stream.sendHeaders(headers);
    this.#stream.sendData([body]);
    this.#stream.end(trailers);
  }

  onDrained(): void {}
  onDone(): void {}
  onAborted(): void {}
}

/** An HTTP/2 server that answers every request with the same few bytes: what protocol testers expect to talk to. */
export async function startPlainServer(
  options: { limits?: Partial<H2Limits>; tls?: TlsOptions; onFailure?: (error: unknown) => void } = {},
): Promise<H2Listener<undefined>> {
  return H2Listener.start({
    listen: { host: '127.0.0.1', port: 0 },
    tls: options.tls,
    limits: { ...defaultLimits, ...options.limits },
    clock: systemClock,
    acceptor: { readRequest: () => undefined, open: (stream) => new PlainSink(stream) },
    onFailure: (_peer, error) => options.onFailure?.(error),
  });
}
