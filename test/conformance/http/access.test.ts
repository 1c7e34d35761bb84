import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { writeFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import type { PartialOptions } from '../../../src/config/options.ts';
import { TemporaryFolder } from '../../support/temporary-folder.ts';
import { models } from '../protocol/support/models.ts';
import { Serving } from '../protocol/support/serving.ts';
import { TestFront } from './support/front.ts';
import { inferText } from './support/http-error-cases.ts';

const inferPath = '/v2/models/mlp/infer';

function start(options: PartialOptions): Promise<Serving> {
  const { mlp } = models;
  if (mlp === undefined) throw new Error('the suite lacks its model');
  return Serving.start('h2', { mlp }, options);
}

describe('API keys over HTTP', () => {
  const folder = new TemporaryFolder();
  const keys = { infer: 'a-key-for-inference-only', admin: 'a-key-for-administrators' };
  let serving: Serving;
  let url: string;

  before(async () => {
    const apiKeysFile = join(folder.path, 'keys.json');
    const sha256 = createHash('sha256').update(keys.admin).digest('hex');
    const content = {
      keys: [
        { principal: 'app', key: keys.infer },
        { principal: 'operator', sha256, scopes: ['infer', 'admin'] },
      ],
    };
    writeFileSync(apiKeysFile, JSON.stringify(content), { mode: 0o600 });
    serving = await start({
      security: { apiKeysFile, allowSettings: true },
      models: { controlMode: 'explicit', load: ['mlp'] },
    });
    url = `http://${serving.server.httpAddress}`;
  });
  after(async () => {
    await serving[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  });

  const ask = async (
    method: string,
    path: string,
    headers: Record<string, string> = {},
    body: string | null = null,
  ): Promise<{ status: number; reason: string | null; challenge: string | null; text: string }> => {
    const reply = await fetch(url + path, { method, headers, body });
    return {
      status: reply.status,
      reason: reply.headers.get('tensorgate-reason'),
      challenge: reply.headers.get('www-authenticate'),
      text: await reply.text(),
    };
  };

  const closed: readonly (readonly [string, string, string | null])[] = [
    ['POST', inferPath, inferText()],
    ['POST', '/v2/models/mlp/generate', '{}'],
    ['POST', '/v2/models/mlp/generate_stream', '{}'],
    ['GET', '/v2', null],
    ['HEAD', '/v2', null],
    ['GET', '/v2/models', null],
    ['GET', '/v2/models/mlp', null],
    ['GET', '/v2/models/mlp/versions/1/config', null],
    ['GET', '/v2/models/stats', null],
    ['POST', '/v2/repository/index', ''],
    ['POST', '/v2/repository/models/mlp/load', ''],
    ['POST', '/v2/repository/other/models/mlp/unload', ''],
    ['GET', '/v2/trace/setting', null],
    ['POST', '/v2/logging', '{"log_info":false}'],
    ['GET', '/v2/systemsharedmemory/status', null],
    ['POST', '/v2/cudasharedmemory/region/a/register', '{}'],
  ];

  for (const [method, path, body] of closed) {
    it(`hardening 1.2: ${method} ${path} needs a key, by any spelling of the path`, async () => {
      const spellings = [path, `${path}?a=b`, path.replace('mlp', '%6dlp'), path.replace('mlp', 'nowhere')];
      for (const spelling of spellings) {
        const { status, challenge } = await ask(method, spelling, {}, body);
        assert.deepEqual([status, challenge], [401, 'Bearer'], spelling);
      }
    });
  }

  for (const path of ['/v2/health/live', '/v2/health/ready', '/v2/models/mlp/ready']) {
    it(`${path} is open to probes, also with a stale key`, async () => {
      assert.equal((await ask('GET', path)).status, 200);
      assert.equal((await ask('GET', path, { authorization: 'Bearer nonsense-nonsense' })).status, 200);
    });
  }

  for (const [what, headers] of [
    ['authorization: Bearer', { authorization: `Bearer ${keys.infer}` }],
    ['authorization: bearer', { authorization: `bearer ${keys.infer}` }],
    ['x-api-key', { 'x-api-key': keys.infer }],
  ] as const) {
    it(`takes a key as ${what}`, async () => {
      const { status, text } = await ask('POST', inferPath, headers, inferText());
      assert.equal(status, 200, text);
    });
  }

  for (const [what, headers] of [
    ['a wrong key', { authorization: 'Bearer a-key-for-inference-onlY' }],
    ['the digest of a key', { 'x-api-key': createHash('sha256').update(keys.admin).digest('hex') }],
    ['an empty key', { 'x-api-key': '' }],
    ['a key in another scheme', { authorization: `Basic ${keys.infer}` }],
  ] as const) {
    it(`${what} is 401, and the reply does not show it`, async () => {
      const { status, text } = await ask('POST', inferPath, headers, inferText());
      assert.equal(status, 401);
      assert.doesNotMatch(text, /a-key-for/);
    });
  }

  it('a key without the scope is 403 where models and settings are changed', async () => {
    const headers = { 'x-api-key': keys.infer };
    for (const path of [
      '/v2/repository/models/mlp/load',
      '/v2/repository/models/mlp/unload',
      '/v2/logging',
    ]) {
      const { status, reason } = await ask(
        'POST',
        path,
        headers,
        path.endsWith('logging') ? '{"log_info":true}' : '',
      );
      assert.deepEqual([status, reason], [403, 'SCOPE_MISSING'], path);
    }
    assert.equal((await ask('POST', inferPath, headers, inferText())).status, 200);
  });

  it('a key with the scope may', async () => {
    const headers = { authorization: `Bearer ${keys.admin}` };
    assert.equal((await ask('POST', '/v2/repository/models/mlp/load', headers, '')).status, 200);
    assert.equal((await ask('POST', '/v2/logging', headers, '{"log_info":true}')).status, 200);
  });

  it('is asked for before the body is read', async () => {
    const { status } = await ask('POST', inferPath, {}, 'x'.repeat(1_000_000));
    assert.equal(status, 401);
  });
});

describe('web pages of other origins', () => {
  let closed: TestFront;
  let open: TestFront;
  let all: TestFront;

  before(async () => {
    closed = await TestFront.start();
    open = await TestFront.start({ corsOrigins: ['https://app.example', 'http://localhost:5173'] });
    all = await TestFront.start({ corsOrigins: ['*'] });
  });
  after(async () => {
    for (const front of [closed, open, all]) await front[Symbol.asyncDispose]();
  });

  const ask = (front: TestFront, method: string, headers: Record<string, string>): Promise<Response> =>
    fetch(`${front.url}/v2/models/m/infer`, { method, headers, body: method === 'POST' ? '{}' : null });
  const preflight = {
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'content-type',
  };

  it('are refused by default, before anything is done for them, preflights too', async () => {
    for (const origin of ['https://app.example', 'null', 'http://127.0.0.1.evil.example', 'file://']) {
      for (const [method, more] of [
        ['POST', {}],
        ['OPTIONS', preflight],
      ] as const) {
        const reply = await ask(closed, method, { origin, ...more });
        assert.equal(reply.status, 403, origin);
        assert.equal(reply.headers.get('access-control-allow-origin'), null);
        assert.equal(reply.headers.get('tensorgate-reason'), 'ORIGIN_NOT_ALLOWED');
        await reply.body?.cancel();
      }
    }
  });

  it("the server's own pages, and callers without an origin, are served by default", async () => {
    for (const headers of [{}, { origin: closed.url }] as Record<string, string>[]) {
      const reply = await ask(closed, 'POST', headers);
      assert.equal(reply.status, 200);
      assert.equal(reply.headers.get('access-control-allow-origin'), null);
      await reply.body?.cancel();
    }
  });

  it('that are listed are served, with the headers that let them read the reply', async () => {
    const reply = await ask(open, 'POST', { origin: 'https://app.example' });
    assert.equal(reply.status, 200);
    assert.equal(reply.headers.get('access-control-allow-origin'), 'https://app.example');
    assert.match(reply.headers.get('access-control-expose-headers') ?? '', /Inference-Header-Content-Length/);
    assert.match(reply.headers.get('vary') ?? '', /Origin/);
    await reply.body?.cancel();
  });

  it('that are listed can read errors too', async () => {
    const reply = await fetch(`${open.url}/v2/nothing`, { headers: { origin: 'https://app.example' } });
    assert.equal(reply.status, 404);
    assert.equal(reply.headers.get('access-control-allow-origin'), 'https://app.example');
    await reply.body?.cancel();
  });

  it('that are listed get their preflights answered', async () => {
    const reply = await ask(open, 'OPTIONS', { origin: 'http://localhost:5173', ...preflight });
    assert.equal(reply.status, 204);
    assert.equal(reply.headers.get('access-control-allow-origin'), 'http://localhost:5173');
    assert.equal(reply.headers.get('access-control-allow-methods'), 'GET, POST, PUT, DELETE');
    assert.match(
      reply.headers.get('access-control-allow-headers') ?? '',
      /authorization.*content-type.*inference-header-content-length.*x-api-key/,
    );
    assert.equal(reply.headers.get('access-control-max-age'), '600');
  });

  for (const origin of [
    'https://app.example.evil.example',
    'https://evil-app.example',
    'http://app.example',
    'https://app.example:444',
    'https://APP.example',
    'https://app.example/',
    'null',
  ]) {
    it(`that are almost listed are refused: ${origin}`, async () => {
      const reply = await ask(open, 'POST', { origin });
      assert.equal(reply.status, 403);
      await reply.body?.cancel();
    });
  }

  it('are all served with *, without credentials', async () => {
    const reply = await ask(all, 'POST', { origin: 'https://anything.example' });
    assert.equal(reply.status, 200);
    assert.equal(reply.headers.get('access-control-allow-origin'), '*');
    assert.equal(reply.headers.get('access-control-allow-credentials'), null);
    await reply.body?.cancel();
  });

  it('OPTIONS that is no preflight is 405', async () => {
    const reply = await ask(open, 'OPTIONS', {});
    assert.deepEqual([reply.status, reply.headers.get('allow')], [405, 'POST']);
    await reply.body?.cancel();
  });
});
