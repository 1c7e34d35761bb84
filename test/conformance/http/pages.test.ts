import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { TemporaryFolder } from '../../support/temporary-folder.ts';
import { createPages } from '../../../src/transport/http/pages/create-pages.ts';
import type { Dialect } from '../../../src/transport/http/dialect.ts';
import { errorReply } from '../../../src/transport/http/status.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { fakeCatalog } from '../../support/fake-catalog.ts';
import { TestFront } from './support/front.ts';
import { models } from '../protocol/support/models.ts';
import { Serving } from '../protocol/support/serving.ts';
import type { ServedModel } from '../protocol/support/serving.ts';

const browser = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' };

interface Served {
  readonly grpc?: { readonly port: number; readonly tls: boolean };
  readonly models: readonly {
    readonly name: string;
    readonly state: string;
    readonly reason: string;
    readonly calls: readonly { readonly title: string; readonly text: string }[];
  }[];
}

function some(...names: readonly string[]): Readonly<Record<string, ServedModel>> {
  return Object.fromEntries(Object.entries(models).filter(([name]) => names.includes(name)));
}

describe('pages', () => {
  let serving: Serving;
  let base: string;

  before(async () => {
    serving = await Serving.start('h2', some('mlp', 'broken', 'half', 'decoupled', 'text'));
    base = `http://${serving.server.httpAddress}`;
  });
  after(() => serving[Symbol.asyncDispose]());

  const assets = [
    ['/docs', 'text/html; charset=utf-8'],
    ['/docs/docs.js', 'text/javascript; charset=utf-8'],
    ['/docs/landing.js', 'text/javascript; charset=utf-8'],
    ['/docs/ask-for-key.js', 'text/javascript; charset=utf-8'],
    ['/docs/pages.css', 'text/css; charset=utf-8'],
    ['/docs/swagger-ui-bundle.js', 'text/javascript; charset=utf-8'],
    ['/docs/swagger-ui.css', 'text/css; charset=utf-8'],
    ['/', 'text/html; charset=utf-8'],
  ] as const;

  for (const [path, type] of assets) {
    it(`${path} comes from here, may load nothing from elsewhere, and is not sent twice`, async () => {
      const reply = await fetch(base + path, { headers: browser });
      assert.equal(reply.status, 200);
      assert.equal(reply.headers.get('content-type'), type);
      assert.equal(reply.headers.get('x-content-type-options'), 'nosniff');
      const policy = reply.headers.get('content-security-policy') ?? '';
      assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self';/);
      assert.doesNotMatch(policy, /unsafe|https?:|\*/);
      const text = await reply.text();
      assert.ok(text.length > 100);
      if (type.startsWith('text/html')) {
        assert.doesNotMatch(text, /https?:|<style|<script>|\bon\w+=/);
        for (const [, file = ''] of text.matchAll(/(?:src|href)="(docs\/[^"]+)"/g)) {
          assert.ok(
            assets.some(([asset]) => asset === `/${file}`),
            file,
          );
        }
      }
      const tag = reply.headers.get('etag') ?? '';
      const again = await fetch(base + path, { headers: { ...browser, 'if-none-match': tag } });
      assert.equal(again.status, 304);
      assert.equal(await again.text(), '');
    });
  }

  it('are compressed for whoever takes that', async () => {
    const { request } = await import('node:http');
    const sizes = new Map<string, number>();
    for (const encoding of ['gzip', 'gzip;q=0', 'identity']) {
      const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
      request(`${base}/docs/pages.css`, { headers: { 'accept-encoding': encoding } }, (reply) => {
        const pieces: Buffer[] = [];
        reply
          .on('data', (piece: Buffer) => pieces.push(piece))
          .on('end', () => {
            const body = Buffer.concat(pieces);
            resolve(reply.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body);
            sizes.set(encoding, body.length);
          });
      })
        .on('error', reject)
        .end();
      assert.match((await promise).toString(), /^:root/);
    }
    assert.ok((sizes.get('gzip') ?? 0) < (sizes.get('identity') ?? 0) / 2);
    assert.equal(sizes.get('gzip;q=0'), sizes.get('identity'));
  });

  it('leave / to its dialect for whoever is no browser', async () => {
    for (const accept of ['*/*', 'application/json']) {
      const reply = await fetch(`${base}/`, { headers: { accept } });
      assert.deepEqual(await reply.json(), { status: 'alive' });
    }
    assert.equal((await fetch(`${base}/`, { method: 'POST', headers: browser })).status, 405);
  });

  it('are not at other paths', async () => {
    for (const path of [
      '/docs/',
      '/docs/x.js',
      '/docs/..%2fcreate-pages.ts',
      '/docs/landing.html',
      '/index.html',
    ]) {
      const reply = await fetch(base + path, { headers: browser });
      assert.equal(reply.status, 404, path);
      await reply.body?.cancel();
    }
  });

  it('tell all models, how to call those that are ready, and why others are not', async () => {
    const reply = await fetch(`${base}/docs/models.json`);
    const { models: told, grpc } = (await reply.json()) as Served;
    assert.deepEqual(grpc, { port: Number(serving.server.grpcAddress.split(':').at(-1)), tls: false });
    assert.deepEqual(
      told.map(({ name, state }) => [name, state]),
      [
        ['broken', 'UNAVAILABLE'],
        ['decoupled', 'READY'],
        ['half', 'READY'],
        ['mlp', 'READY'],
        ['text', 'READY'],
      ],
    );
    const titles = new Map(told.map(({ name, calls }) => [name, calls.map(({ title }) => title)]));
    const curl = 'curl, Open Inference Protocol';
    assert.deepEqual(titles.get('mlp'), [curl, 'curl, plain prediction', 'grpcurl', 'Python']);
    assert.deepEqual(titles.get('decoupled'), [curl, 'grpcurl']);
    assert.deepEqual(titles.get('half'), ['curl, plain prediction', 'Python']);
    assert.deepEqual(titles.get('broken'), []);
    assert.ok(told[0]?.reason.length !== 0);
  });
});

describe('pages of a server with API keys', () => {
  let serving: Serving;
  let folder: TemporaryFolder;
  let base: string;

  before(async () => {
    folder = new TemporaryFolder();
    const file = join(folder.path, 'keys.yaml');
    writeFileSync(file, 'keys:\n  - { principal: me, key: 0123456789abcdef0123456789abcdef }\n');
    serving = await Serving.start('h2', some('mlp'), { security: { apiKeysFile: file } });
    base = `http://${serving.server.httpAddress}`;
  });
  after(async () => {
    await serving[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  });

  it('are open, and tell nothing without a key', async () => {
    for (const path of ['/', '/docs']) {
      const reply = await fetch(base + path, { headers: browser });
      assert.equal(reply.status, 200);
      assert.doesNotMatch(await reply.text(), /mlp/);
    }
    for (const path of ['/openapi.json', '/docs/models.json']) {
      const reply = await fetch(base + path);
      assert.equal(reply.status, 401);
      assert.doesNotMatch(await reply.text(), /mlp/);
    }
  });

  it('tell everything with one, and show where it goes in a call', async () => {
    const headers = { 'x-api-key': '0123456789abcdef0123456789abcdef' };
    const reply = await fetch(`${base}/docs/models.json`, { headers });
    const { models: told } = (await reply.json()) as Served;
    for (const { text } of told[0]?.calls ?? []) assert.match(text, /x-api-key.{1,5}YOUR_KEY/);
    assert.equal((await fetch(`${base}/openapi.json`, { headers })).status, 200);
  });
});

describe('a server without pages', () => {
  it('answers as if there were none', async () => {
    await using serving = await Serving.start('h2', some('mlp'), { http: { docs: false } });
    const base = `http://${serving.server.httpAddress}`;
    for (const path of ['/docs', '/docs/docs.js', '/docs/models.json', '/openapi.json']) {
      assert.equal((await fetch(base + path, { headers: browser })).status, 404, path);
    }
    assert.deepEqual(await (await fetch(`${base}/`, { headers: browser })).json(), { status: 'alive' });
  });

  it('has no page at / either without a dialect that does', async () => {
    await using serving = await Serving.start('h2', some('mlp'), { server: { dialects: [] } });
    const base = `http://${serving.server.httpAddress}`;
    assert.equal((await fetch(`${base}/`)).status, 404);
    assert.equal((await fetch(`${base}/`, { headers: browser })).status, 200);
  });
});

describe('the description', () => {
  it('is made once for readers of the same second, and anew after it', async () => {
    const clock = new FakeClock();
    let made = 0;
    const counting: Dialect = {
      endpoints: new Map(),
      errorReply,
      describe() {
        made++;
        return Promise.resolve({ paths: {}, schemas: {} });
      },
    };
    const dialects = createPages({
      catalog: fakeCatalog([]),
      dialects: [counting],
      abilities: { controls: false, changesSettings: false, sharesMemory: false, monitors: false },
      serverVersion: '1',
      clock,
      grpc: () => undefined,
    });
    await using front = await TestFront.start({ createDialects: () => dialects });
    const read = async (): Promise<number> => (await fetch(`${front.url}/openapi.json`)).status;
    assert.deepEqual(await Promise.all([read(), read(), read()]), [200, 200, 200]);
    assert.equal(made, 1);
    clock.advance(1000);
    assert.equal(await read(), 200);
    assert.equal(made, 2);
  });
});
