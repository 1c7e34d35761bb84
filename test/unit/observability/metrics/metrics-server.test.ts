import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { silentLogger } from '../../../../src/inference/logger.ts';
import { startMetricsServer } from '../../../../src/observability/metrics/metrics-server.ts';

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

async function start(scrape: (format: string) => Promise<readonly Buffer[]>) {
  const server = await startMetricsServer({ host: '127.0.0.1', port: 0, scrape, logger: silentLogger });
  const port = Number(server.address.split(':').at(-1));
  const ask = async (path: string, headers: OutgoingHttpHeaders = {}, method = 'GET'): Promise<Answer> => {
    const sent = request({ host: '127.0.0.1', port, path, method, headers });
    sent.end();
    const [response]: [IncomingMessage] = (await once(sent, 'response')) as [IncomingMessage];
    const parts: Buffer[] = [];
    for await (const part of response) parts.push(part);
    return { status: response.statusCode, headers: response.headers, body: Buffer.concat(parts) };
  };
  return { server, port, ask };
}

const twoParts = async (format: string): Promise<readonly Buffer[]> => [
  Buffer.from(format),
  Buffer.from('\n'),
];

test('GET /metrics answers in the text that the collector prefers', async () => {
  const { server, ask } = await start(twoParts);
  await using _ = server;
  const plain = await ask('/metrics');
  assert.equal(plain.status, 200);
  assert.equal(plain.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
  assert.equal(plain.headers['content-length'], '11');
  assert.equal(plain.body.toString(), 'prometheus\n');
  const open = await ask('/metrics?name[]=x', { accept: 'application/openmetrics-text; version=1.0.0' });
  assert.equal(open.headers['content-type'], 'application/openmetrics-text; version=1.0.0; charset=utf-8');
  assert.equal(open.body.toString(), 'openmetrics\n');
});

test('HEAD has the headers alone', async () => {
  const { server, ask } = await start(twoParts);
  await using _ = server;
  const { status, headers, body } = await ask('/metrics', {}, 'HEAD');
  assert.deepEqual([status, headers['content-length'], body.length], [200, '11', 0]);
});

for (const [method, path, status] of [
  ['GET', '/', 404],
  ['GET', '/metrics/', 404],
  ['GET', '/v2/health/live', 404],
  ['POST', '/', 404],
  ['POST', '/metrics', 405],
  ['PUT', '/metrics', 405],
  ['DELETE', '/metrics', 405],
  ['OPTIONS', '/metrics', 405],
] as const) {
  test(`${method} ${path} is ${status}, without a scrape`, async () => {
    let scrapes = 0;
    const { server, ask } = await start(async () => {
      scrapes += 1;
      return [];
    });
    await using _ = server;
    const answer = await ask(path, {}, method);
    assert.equal(answer.status, status);
    assert.equal(answer.headers.allow, status === 405 ? 'GET, HEAD' : undefined);
    assert.equal(scrapes, 0);
  });
}

test('large answers are compressed for collectors that ask for it, small ones never', async () => {
  const large = Buffer.from('tensorgate_ready 1\n'.repeat(1000));
  const { server, ask } = await start(async (format) =>
    format === 'prometheus' ? [large] : [Buffer.from('x')],
  );
  await using _ = server;
  const gzipped = await ask('/metrics', { 'accept-encoding': 'gzip' });
  assert.equal(gzipped.headers['content-encoding'], 'gzip');
  assert.ok(gzipped.body.length < 1000);
  assert.deepEqual(gunzipSync(gzipped.body), large);
  const plain = await ask('/metrics');
  assert.equal(plain.headers['content-encoding'], undefined);
  assert.deepEqual(plain.body, large);
  const small = await ask('/metrics', { 'accept-encoding': 'gzip', accept: 'application/openmetrics-text' });
  assert.equal(small.headers['content-encoding'], undefined);
});

test('a scrape that fails is 500, and says nothing of why', async () => {
  const { server, ask } = await start(() => Promise.reject(new Error('/secret/path')));
  await using _ = server;
  const { status, body } = await ask('/metrics');
  assert.deepEqual([status, body.toString()], [500, 'Internal Server Error\n']);
});

test('a head that is too large is refused', async () => {
  const { server, ask } = await start(twoParts);
  await using _ = server;
  assert.equal((await ask('/metrics', { 'x-padding': 'x'.repeat(9000) })).status, 431);
});

test('an address that is taken is an error', async () => {
  const { server, port } = await start(twoParts);
  await using _ = server;
  await assert.rejects(
    startMetricsServer({ host: '127.0.0.1', port, scrape: twoParts, logger: silentLogger }),
    { code: 'EADDRINUSE' },
  );
});

test('closing cuts off whoever is connected', async () => {
  const { server, port } = await start(twoParts);
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  const closed = once(socket, 'close');
  await server[Symbol.asyncDispose]();
  socket.resume();
  await closed;
});
