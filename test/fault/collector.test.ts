import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { freePort } from '../support/free-port.ts';
import { HeldModels } from '../support/held-model.ts';
import { Load } from './support/load.ts';

/** What listens where a collector should be; undefined for nothing. */
const collectors = {
  'that never answers': () => undefined,
  'that closes every connection': (socket: Socket) => void socket.destroy(),
  'that answers what is no HTTP': (socket: Socket) => void socket.end('no\r\n\r\n'),
} as const;

/** A server under load that sends spans to a port, impatiently. */
class Traced implements AsyncDisposable {
  readonly load: Load;
  readonly models: HeldModels;

  private constructor(models: HeldModels) {
    this.models = models;
    this.load = new Load(models, 'hold', 1);
  }

  static async start(port: number): Promise<Traced> {
    return new Traced(
      await HeldModels.start({ hold: '' }, ['--trace'], {
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
        OTEL_EXPORTER_OTLP_TIMEOUT: '1000',
        OTEL_BSP_SCHEDULE_DELAY: '100',
        OTEL_BSP_EXPORT_TIMEOUT: '1000',
        OTEL_BSP_MAX_QUEUE_SIZE: '256',
        OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '64',
      }),
    );
  }

  /** Resolves once the breaker of spans is 0, closed, or 2, open. */
  async breaker(state: 0 | 2): Promise<void> {
    const signal = AbortSignal.timeout(60_000);
    for (;;) {
      const page = await (await fetch(`http://${this.models.server.metricsAddress}/metrics`)).text();
      if (page.includes(`tensorgate_exporter_breaker_state{exporter="traces"} ${state}\n`)) return;
      if (signal.aborted) throw new Error(`the breaker is not ${state}:\n${this.models.server.output()}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async stop(): Promise<void> {
    await this.load.stop();
    assert.deepEqual(this.load.failures, []);
    assert.ok(this.load.answered > 0);
    assert.equal(await this.models.server.stop(), 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.load.stop();
    await this.models[Symbol.asyncDispose]();
  }
}

// They wait most of the time.
describe('a collector of spans', { concurrency: true }, () => {
  for (const [what, onConnection] of Object.entries(collectors)) {
    test(
      `${what} costs no request, nor the stop of the server, and is left alone`,
      { timeout: 240_000 },
      async () => {
        const sockets = new Set<Socket>();
        const collector = createServer((socket) => {
          sockets.add(socket);
          socket.on('error', () => undefined);
          onConnection(socket);
        });
        await once(collector.listen(0, '127.0.0.1'), 'listening');
        try {
          const { port } = collector.address() as AddressInfo;
          await using traced = await Traced.start(port);
          await traced.breaker(2);
          await traced.stop();
        } finally {
          collector.close();
          for (const socket of sockets) socket.destroy();
        }
      },
    );
  }

  test(
    'that is away costs no request, and gets spans again once it is there',
    { timeout: 240_000 },
    async () => {
      const port = await freePort();
      await using traced = await Traced.start(port);
      await traced.breaker(2);
      let exports = 0;
      const collector = createHttpServer((request, response) => {
        exports += 1;
        request.resume();
        response.end();
      });
      await once(collector.listen(port, '127.0.0.1'), 'listening');
      try {
        await traced.breaker(0);
        assert.ok(exports > 0);
        await traced.stop();
      } finally {
        collector.closeAllConnections();
        collector.close();
      }
    },
  );
});
