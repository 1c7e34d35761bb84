import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { ServingError } from '../../../../src/errors.ts';
import { silentLogger } from '../../../../src/inference/logger.ts';
import type { Principal, Scope } from '../../../../src/inference/principal.ts';
import { createConsoleHandler } from '../../../../src/transport/console/console-handler.ts';
import { fakeCatalog } from '../../../support/fake-catalog.ts';

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

interface Running extends AsyncDisposable {
  /** What was done, in words. */
  readonly done: string[];
  ask(
    path: string,
    options?: { method?: string; headers?: OutgoingHttpHeaders; body?: string },
  ): Promise<Answer>;
}

const keys: Readonly<Record<string, readonly Scope[]>> = { reader: ['infer'], operator: ['infer', 'admin'] };

/** @param mode with keys, callers need one of `keys`; without, everybody may do anything. */
async function start(mode: 'open' | 'keys' = 'open'): Promise<Running> {
  const done: string[] = [];
  const everyone: Principal = { name: 'anonymous', scopes: new Set<Scope>(['infer', 'admin']), weight: 1 };
  const handler = createConsoleHandler({
    catalog: fakeCatalog([], [{ name: 'broken', version: '1', state: 'UNAVAILABLE', reason: 'no model' }]),
    control: {
      load: async (model) => {
        if (model === 'missing')
          throw new ServingError('not_found', 'no such model', { reason: 'MODEL_NOT_FOUND' });
        done.push(`load ${model}`);
      },
      unload: async (model, dependents) => void done.push(`unload ${model} ${dependents}`),
    },
    server: () => ({ id: 'triton', version: '1.2.3', draining: false }),
    purge: async (model) => done.push(`purge ${model}`),
    drain: () => void done.push('drain'),
    authenticate(header) {
      if (mode === 'open') return everyone;
      const scopes = keys[header('x-api-key') ?? ''];
      if (scopes === undefined) throw new ServingError('unauthenticated', 'an API key is required');
      return { name: header('x-api-key') ?? '', scopes: new Set(scopes), weight: 1 };
    },
    hasKeys: mode === 'keys',
    logger: silentLogger,
  });
  const server = createServer((incoming, response) => {
    if (!handler(incoming, response)) response.writeHead(418).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    done,
    async ask(path, { method = 'GET', headers = {}, body = '' } = {}) {
      const sent = request({ host: '127.0.0.1', port, path, method, headers });
      sent.end(body);
      const [response] = (await once(sent, 'response')) as [IncomingMessage];
      let text = '';
      for await (const part of response.setEncoding('utf8')) text += String(part);
      return { status: response.statusCode, headers: response.headers, body: text };
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const action = { 'content-type': 'application/json', 'x-tensorgate-console': '1' };

test('the page and its files come with a policy that allows nothing from elsewhere and no inline script', async () => {
  await using console = await start();
  for (const [path, type] of [
    ['/console/', 'text/html; charset=utf-8'],
    ['/console/style.css', 'text/css; charset=utf-8'],
    ['/console/js/page/main.js', 'text/javascript; charset=utf-8'],
    ['/console/icon.svg', 'image/svg+xml'],
  ] as const) {
    const { status, headers, body } = await console.ask(path);
    assert.deepEqual([status, headers['content-type']], [200, type]);
    assert.ok(body.length > 0);
    const policy = headers['content-security-policy']?.toString() ?? '';
    assert.match(
      policy,
      /^default-src 'none'; script-src 'self'; style-src 'self';.* frame-ancestors 'none';/,
    );
    assert.doesNotMatch(policy, /unsafe|http|\*/);
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal(headers['access-control-allow-origin'], undefined);
  }
});

test('a file that the browser has is not sent again', async () => {
  await using console = await start();
  const { headers } = await console.ask('/console/style.css');
  const again = await console.ask('/console/style.css', { headers: { 'if-none-match': headers.etag } });
  assert.deepEqual([again.status, again.body], [304, '']);
});

test("/console leads to /console/, and other paths are not the console's", async () => {
  await using console = await start();
  const { status, headers } = await console.ask('/console');
  assert.deepEqual([status, headers.location], [308, 'console/']);
  for (const path of ['/', '/consoles', '/v2']) assert.equal((await console.ask(path)).status, 418);
});

for (const path of [
  '/console/../package.json',
  '/console/%2e%2e/package.json',
  '/console/..%2fpackage.json',
  '/console//etc/passwd',
  '/console/js',
  '/console/api/',
  '/console/api/none',
  '/console/constructor',
]) {
  test(`there is nothing at ${path}`, async () => {
    await using console = await start();
    const { status, body } = await console.ask(path);
    assert.equal(status, 404);
    assert.deepEqual(JSON.parse(body), { error: 'there is nothing at this path', reason: 'PATH_NOT_FOUND' });
  });
}

test('the index, the server and what the caller may do are told', async () => {
  await using console = await start();
  const { status, headers, body } = await console.ask('/console/api/server');
  assert.equal(status, 200);
  assert.equal(headers['cache-control'], 'no-store');
  assert.deepEqual(JSON.parse(body), {
    id: 'triton',
    version: '1.2.3',
    draining: false,
    principal: 'anonymous',
    scopes: ['infer', 'admin'],
    index: [{ name: 'broken', version: '1', state: 'UNAVAILABLE', reason: 'no model' }],
  });
});

test('models are loaded and unloaded, answers are forgotten, and the server is drained', async () => {
  await using console = await start();
  const post = (name: string, body: object): Promise<Answer> =>
    console.ask(`/console/api/${name}`, { method: 'POST', headers: action, body: JSON.stringify(body) });
  for (const [name, body] of [
    ['load', { model: 'digits' }],
    ['unload', { model: 'digits' }],
    ['unload', { model: 'both', dependents: true }],
    ['purge', { model: 'broken' }],
    ['purge', {}],
    ['drain', {}],
  ] as const) {
    assert.equal((await post(name, body)).status, 200);
  }
  assert.deepEqual(console.done, [
    'load digits',
    'unload digits false',
    'unload both true',
    'purge broken',
    'purge ',
    'drain',
  ]);
  assert.equal((await post('purge', { model: 'missing' })).status, 404);
  const failed = await post('load', { model: 'missing' });
  assert.equal(failed.status, 404);
  assert.deepEqual(JSON.parse(failed.body), { error: 'no such model', reason: 'MODEL_NOT_FOUND' });
});

for (const [what, headers] of [
  ['a form of another page', { 'content-type': 'text/plain', origin: 'http://evil.example' }],
  ['a page that can set no header', { 'content-type': 'application/json' }],
  ['another origin', { ...action, origin: 'http://evil.example' }],
  ['another port of the same machine', { ...action, origin: 'http://127.0.0.1:1' }],
  ['an origin that is hidden', { ...action, origin: 'null' }],
  ['a site that the browser calls another one', { ...action, 'sec-fetch-site': 'cross-site' }],
  ['a name that was made to point here', { ...action, host: 'evil.example', origin: 'http://evil.example' }],
  ['a name that begins like an address', { ...action, host: '127.0.0.1.evil.example' }],
] as const) {
  test(`an action from ${what} is refused`, async () => {
    await using console = await start();
    const body = JSON.stringify({ model: 'digits' });
    const { status } = await console.ask('/console/api/unload', { method: 'POST', headers, body });
    assert.equal(status, 403);
    assert.deepEqual(console.done, []);
  });
}

test('without keys, the index is not told to a name that was made to point here, nor to pages of others', async () => {
  await using console = await start();
  for (const headers of [{ host: 'evil.example' }, { 'sec-fetch-site': 'cross-site' }, { origin: 'null' }]) {
    assert.equal((await console.ask('/console/api/server', { headers })).status, 403);
  }
  assert.equal((await console.ask('/console/api/server', { headers: { host: 'localhost:1' } })).status, 200);
});

test('with keys, callers need one, and actions need the scope admin, under any name of the server', async () => {
  await using console = await start('keys');
  const host = { host: 'models.example' };
  assert.equal((await console.ask('/console/api/server', { headers: host })).status, 401);
  const reader = { ...host, 'x-api-key': 'reader' };
  assert.equal((await console.ask('/console/api/server', { headers: reader })).status, 200);
  const drain = (key: string): Promise<Answer> =>
    console.ask('/console/api/drain', {
      method: 'POST',
      headers: { ...action, 'x-api-key': key },
      body: '{}',
    });
  assert.deepEqual([(await drain('')).status, (await drain('reader')).status], [401, 403]);
  assert.deepEqual(console.done, []);
  assert.equal((await drain('operator')).status, 200);
  assert.deepEqual(console.done, ['drain']);
});

for (const [what, body] of [
  ['no JSON', '{'],
  ['no object', '1'],
  ['no model', '{}'],
  ['a model that is no text', '{"model":1}'],
  ['dependents that are neither true nor false', '{"model":"a","dependents":1}'],
  ['more than eight kilobytes', `{"model":"${'a'.repeat(9000)}"}`],
] as const) {
  test(`an action with ${what} is refused`, async () => {
    await using console = await start();
    const { status } = await console.ask('/console/api/load', { method: 'POST', headers: action, body });
    assert.equal(status, 400);
    assert.deepEqual(console.done, []);
  });
}

test('actions are POST, everything else is GET', async () => {
  await using console = await start();
  for (const [method, path] of [
    ['GET', '/console/api/drain'],
    ['POST', '/console/api/server'],
    ['POST', '/console/'],
  ] as const) {
    assert.equal((await console.ask(path, { method, headers: action })).status, 405);
  }
  assert.deepEqual(console.done, []);
});
