import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { test } from 'node:test';
import { HeldModels } from '../support/held-model.ts';
import { Load } from './support/load.ts';

/** What listens where a collector should be; undefined for nothing. */
const collectors = {
  'that is away': undefined,
  'that never answers': () => undefined,
  'that closes every connection': (socket: Socket) => void socket.destroy(),
  'that answers what is no HTTP': (socket: Socket) => void socket.end('no\r\n\r\n'),
} as const;

for (const [what, onConnection] of Object.entries(collectors)) {
  test(
    `a collector of spans ${what} costs no request, nor the stop of the server`,
    { timeout: 60_000 },
    async () => {
      const sockets = new Set<Socket>();
      const collector = createServer((socket) => {
        sockets.add(socket);
        socket.on('error', () => undefined);
        onConnection?.(socket);
      });
      await once(collector.listen(0, '127.0.0.1'), 'listening');
      const { port } = collector.address() as AddressInfo;
      if (onConnection === undefined) collector.close();
      try {
        await using models = await HeldModels.start({ hold: '' }, ['--trace'], {
          OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
          OTEL_EXPORTER_OTLP_TIMEOUT: '1000',
          OTEL_BSP_SCHEDULE_DELAY: '100',
          OTEL_BSP_EXPORT_TIMEOUT: '1000',
          OTEL_BSP_MAX_QUEUE_SIZE: '256',
          OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '64',
        });
        const load = new Load(models, 'hold');
        await new Promise((resolve) => setTimeout(resolve, 1500));
        await load.stop();
        assert.deepEqual(load.failures, []);
        assert.ok(load.answered > 300, `${load.answered} answered`);
        assert.equal(await models.server.stop(), 0);
      } finally {
        collector.close();
        for (const socket of sockets) socket.destroy();
      }
    },
  );
}
