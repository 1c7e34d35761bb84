import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { findProgram } from './tools.ts';

/** Whether there is a redis-server on this machine; `skip` is for node:test's option. */
export const redisProgram = findProgram('redis-server');

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  // A listening TCP server has an address of this form.
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

/** A Redis in a process of its own that keeps nothing on disk, on a port that stays its own through restarts. */
export class RedisServer implements AsyncDisposable {
  readonly address: string;
  readonly #port: number;
  #child: ChildProcess | undefined;

  private constructor(port: number) {
    this.#port = port;
    this.address = `127.0.0.1:${port}`;
  }

  static async start(): Promise<RedisServer> {
    const server = new RedisServer(await freePort());
    await server.restart();
    return server;
  }

  async restart(): Promise<void> {
    const args = ['--port', `${this.#port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
    this.#child = spawn(redisProgram.path, args, { stdio: 'ignore' });
    for (let tries = 0; ; tries++) {
      try {
        await this.use((client) => client.ping());
        return;
      } catch (error) {
        if (tries === 100) throw error;
        await wait(50);
      }
    }
  }

  /** Talks to it as an operator would. */
  async use<T>(what: (client: Redis) => Promise<T>): Promise<T> {
    const client = new Redis({
      port: this.#port,
      lazyConnect: true,
      retryStrategy: null,
      maxRetriesPerRequest: 0,
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return await what(client);
    } finally {
      client.disconnect();
    }
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
