import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import type { ConnectionOptions } from 'node:tls';
import { Redis } from 'ioredis';
import { freePort } from './free-port.ts';
import { findProgram } from './tools.ts';

/** Whether there is a redis-server on this machine; `skip` is for node:test's option. */
export const redisProgram = findProgram('redis-server');

/** How long a Redis may take to answer or to become what it is to be, on a machine that has much else to do. */
const patienceMs = 60_000;

export interface RedisServerOptions {
  /** More settings for its command line. */
  readonly args?: readonly string[];
  /** What whoever operates it needs to get in. With `tls` it listens to nothing else. */
  readonly access?: {
    readonly username?: string;
    readonly password?: string;
    readonly tls?: ConnectionOptions;
  };
}

/** A Redis in a process of its own that keeps nothing on disk, on a port that stays its own through restarts. */
export class RedisServer implements AsyncDisposable {
  readonly address: string;
  readonly port: number;
  readonly #options: RedisServerOptions;
  #child: ChildProcess | undefined;

  private constructor(port: number, options: RedisServerOptions) {
    this.port = port;
    this.address = `127.0.0.1:${port}`;
    this.#options = options;
  }

  static async start(options: RedisServerOptions = {}): Promise<RedisServer> {
    const server = await RedisServer.prepare(options);
    await server.restart();
    return server;
  }

  /** One that is to be started with `restart`: until then nothing listens on its port. */
  static async prepare(options: RedisServerOptions = {}): Promise<RedisServer> {
    return new RedisServer(await freePort(), options);
  }

  async restart(): Promise<void> {
    const { args = [], access = {} } = this.#options;
    const listen = access.tls === undefined ? ['--port'] : ['--port', '0', '--tls-port'];
    const memory = args.includes('--sentinel') ? [] : ['--save', '', '--appendonly', 'no'];
    const settings = [...args, ...listen, `${this.port}`, '--bind', '127.0.0.1', ...memory];
    this.#child = spawn(redisProgram.path, settings, { stdio: 'ignore' });
    await eventually(async () => (await this.use((client) => client.ping())) === 'PONG');
  }

  /** Talks to it as an operator would. */
  async use<T>(what: (client: Redis) => Promise<T>): Promise<T> {
    const { access = {} } = this.#options;
    const client = new Redis({
      ...access,
      port: this.port,
      lazyConnect: true,
      retryStrategy: null,
      maxRetriesPerRequest: 0,
      enableReadyCheck: false,
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return await what(client);
    } finally {
      client.disconnect();
    }
  }

  /** Whether one of its values has these bytes in it. */
  async holds(bytes: Buffer): Promise<boolean> {
    return this.use(async (client) => {
      for (const name of await client.keys('*')) {
        const value = await client.getBuffer(name).catch(() => null);
        if (value?.includes(bytes) === true) return true;
      }
      return false;
    });
  }

  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child?.kill(name);
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}

/** Resolves once it is so. What cannot be found out yet is not so yet. */
export async function eventually(isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    try {
      if (await isSo()) return;
      if (performance.now() > deadline) throw new Error('it did not become so in time');
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
    await wait(50);
  }
}
