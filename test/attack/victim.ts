import { connect, type ClientHttp2Session } from 'node:http2';
import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { H2Limits } from '../../src/transport/h2/limits.ts';
import { startH2GrpcServer, type H2GrpcServer } from '../../src/transport/grpc/h2-server.ts';
import type { GrpcMethod } from '../../src/transport/grpc/method.ts';
import { message } from '../support/h2-frames.ts';
import { RecordingLogger } from '../support/recording-logger.ts';
import { loopbackOptions } from '../interop/server-options.ts';

export const echoPath = '/test/Echo';
export const slowPath = '/test/Slow';
export const largePath = '/test/Large';

const methods: readonly GrpcMethod[] = [
  { kind: 'unary', path: echoPath, scope: 'none', handle: (bytes) => bytes },
  { kind: 'unary', path: slowPath, scope: 'none', handle: () => new Promise(() => {}) },
  { kind: 'unary', path: largePath, scope: 'none', handle: () => Buffer.alloc(600_000) },
];

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Memory that something still refers to; attackers share the process, and leave garbage of their own. */
function reachableBytes(): number {
  // What the first collection frees is given back while the program goes on; the second one waits for that.
  collectGarbage();
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** A server under attack, and a good client on a connection of its own that never stops calling it. */
export class Victim implements AsyncDisposable {
  readonly server: H2GrpcServer;
  readonly logger: RecordingLogger;
  readonly #session: ClientHttp2Session;
  readonly #calling: Promise<void>;
  readonly #startBytes: number;
  #stopped = false;
  /** Calls of the good client that were answered, and the longest that one took. */
  answered = 0;
  slowestMs = 0;

  private constructor(server: H2GrpcServer, logger: RecordingLogger) {
    this.server = server;
    this.logger = logger;
    this.#session = connect(`http://${server.address}`);
    this.#session.on('error', () => {});
    this.#startBytes = reachableBytes();
    this.#calling = this.#keepCalling();
  }

  static async start(limits: Partial<H2Limits> = {}): Promise<Victim> {
    const logger = new RecordingLogger();
    return new Victim(await startH2GrpcServer({ ...loopbackOptions, logger, methods, limits }), logger);
  }

  get grownBytes(): number {
    return reachableBytes() - this.#startBytes;
  }

  /** Resolves after so many more answers to the good client. */
  async untilAnswered(count: number): Promise<void> {
    const goal = this.answered + count;
    while (this.answered < goal) await nextTurn();
  }

  /** Resolves once it is so, with the good client answered all the while. Rejects after a minute. */
  async until(isSo: () => boolean): Promise<void> {
    const limit = performance.now() + 60_000;
    while (!isSo()) {
      if (performance.now() > limit) throw new Error(`never came true: ${isSo.toString()}`);
      await this.untilAnswered(1);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await this.#calling;
    this.#session.destroy();
    await this.server.drain(0);
  }

  async #keepCalling(): Promise<void> {
    while (!this.#stopped) {
      const startedAt = performance.now();
      await this.#call();
      this.answered++;
      this.slowestMs = Math.max(this.slowestMs, performance.now() - startedAt);
      await nextTurn();
    }
  }

  async #call(): Promise<void> {
    const stream = this.#session.request({
      ':method': 'POST',
      ':path': echoPath,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const parts: Buffer[] = [];
    stream.on('data', (part: Buffer) => parts.push(part));
    const expected = message(Buffer.from('good'));
    stream.end(expected);
    await once(stream, 'close');
    if (!Buffer.concat(parts).equals(expected)) throw new Error('the good client got a wrong answer');
  }
}
