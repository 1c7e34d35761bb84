import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { createTopSource, metricsUrl, type TopReading } from '../../../src/cli/top-source.ts';
import { ServingError } from '../../../src/errors.ts';
import type { IndexEntry } from '../../../src/inference/catalog.ts';
import { metricsText } from '../../support/metrics-text.ts';

for (const [given, address, url] of [
  [undefined, '127.0.0.1:8001', 'http://127.0.0.1:8002/metrics'],
  [undefined, 'models.example', 'http://models.example:8002/metrics'],
  [undefined, '[::1]:9001', 'http://[::1]:8002/metrics'],
  [undefined, 'unix:/run/x.sock', 'http://127.0.0.1:8002/metrics'],
  ['10.0.0.1:9102', 'x', 'http://10.0.0.1:9102/metrics'],
  ['https://proxy.example/one/metrics', 'x', 'https://proxy.example/one/metrics'],
] as const) {
  test(`metrics of ${given ?? address} are at ${url}`, () => {
    assert.equal(metricsUrl(given, address).href, url);
  });
}

test('what is no address of metrics is a wrong use', () => {
  assert.throws(() => metricsUrl('not an address', 'x'), { reason: 'USAGE' });
});

async function readFrom(
  answer: RequestListener,
  index: () => Promise<readonly IndexEntry[]> = async () => [],
): Promise<TopReading> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const { port } = server.address() as AddressInfo;
    const url = metricsUrl(`127.0.0.1:${port}`, '');
    return await createTopSource({ url, client: { index }, timeoutMs: 5000 }).read();
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test('a reading has the metrics and the index', async () => {
  const line: IndexEntry = { name: 'digits', version: '1', state: 'READY', reason: '' };
  const { metrics, index, indexProblem } = await readFrom(
    (_request, response) => response.end(metricsText({})),
    async () => [line],
  );
  assert.equal(metrics.versions.size, 1);
  assert.deepEqual(index, [line]);
  assert.equal(indexProblem, '');
});

test('an index that cannot be had is a remark, not a failure', async () => {
  const { index, indexProblem } = await readFrom(
    (_request, response) => response.end(metricsText({})),
    () => Promise.reject(new ServingError('unauthenticated', 'no key')),
  );
  assert.deepEqual(index, []);
  assert.equal(indexProblem, 'unauthenticated');
});

for (const [what, answer] of [
  ['answers with an error', (_request, response) => response.writeHead(404).end()],
  ['tells other metrics', (_request, response) => response.end('up 1\n')],
  ['sends the caller elsewhere', (_request, response) => response.writeHead(302, { location: '/' }).end()],
  ['hangs up', (request) => request.socket.destroy()],
] as const satisfies readonly (readonly [string, RequestListener])[]) {
  test(`a port that ${what} has no metrics`, async () => {
    await assert.rejects(readFrom(answer), { code: 'unavailable', reason: 'UNREACHABLE' });
  });
}
