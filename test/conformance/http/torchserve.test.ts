import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { TemporaryFolder } from '../../support/temporary-folder.ts';
import { models } from '../protocol/support/models.ts';
import { Serving, type ServedModel } from '../protocol/support/serving.ts';
import {
  torchserveAnswerCases,
  torchserveErrorCases,
  type TorchserveCase,
} from './support/torchserve-cases.ts';

const served: Readonly<Record<string, ServedModel>> = Object.fromEntries(
  ['mlp', 'versions', 'pair', 'text', 'floats', 'asleep'].map((name) => {
    const model = models[name];
    assert.ok(model !== undefined);
    return [name, model];
  }),
);
const loaded = Object.keys(served).filter((name) => name !== 'asleep');

interface Told {
  readonly status: number;
  readonly body: unknown;
}

async function ask(base: string, { method, path, body, type }: TorchserveCase): Promise<Told> {
  const headers = type === '' ? {} : { 'content-type': type };
  const reply = await fetch(base + path, { method, body, headers });
  assert.equal(reply.headers.get('content-type'), 'application/json');
  return { status: reply.status, body: await reply.json() };
}

describe("TorchServe's interfaces", () => {
  let serving: Serving;
  let base: string;

  before(async () => {
    serving = await Serving.start('h2', served, {
      models: { controlMode: 'explicit', load: loaded },
      server: { dialects: ['torchserve'] },
    });
    base = `http://${serving.server.httpAddress}`;
  });
  after(() => serving[Symbol.asyncDispose]());

  for (const known of torchserveAnswerCases) {
    it(`torchserve: ${known.title}`, async () => {
      const { status, body } = await ask(base, known);
      assert.equal(status, known.status, JSON.stringify(body));
      assert.deepEqual(body, known.reply);
    });
  }

  for (const known of torchserveErrorCases) {
    it(`torchserve: ${known.title}`, async () => {
      const { status, body } = await ask(base, known);
      assert.equal(status, known.status, JSON.stringify(body));
      const { message, ...others } = body as { readonly message: string };
      const { type, text } = known.reply as { readonly type: string; readonly text: string };
      assert.deepEqual(others, { code: known.status, type });
      assert.ok(message.includes(text), `${message}\ndoes not hold\n${text}`);
      assert.doesNotMatch(message, /\/tmp\/|node_modules|\n|onnxruntime/i);
    });
  }

  it('torchserve: a model is registered, scaled, and unregistered', async () => {
    const send = async (method: string, path: string): Promise<Told> =>
      ask(base, { title: '', method, path, body: null, type: '', status: 200, reply: undefined });
    const registered = await send('POST', '/models?url=asleep&initial_workers=2&synchronous=true');
    assert.deepEqual(registered, {
      status: 200,
      body: { status: 'Model "asleep" Version: 1 registered with 2 initial workers' },
    });
    const workers = async (): Promise<number> => {
      const { body } = await send('GET', '/models/asleep');
      return (body as readonly { readonly workers: readonly unknown[] }[])[0]?.workers.length ?? 0;
    };
    assert.equal(await workers(), 2);
    assert.equal((await send('POST', '/models?url=asleep')).status, 409);
    const scaled = await send('PUT', '/models/asleep?min_worker=3&max_worker=4&synchronous=true');
    assert.deepEqual(scaled.body, { status: 'Workers scaled to 3 for model: asleep' });
    assert.equal(await workers(), 3);
    const row = JSON.stringify(Array.from({ length: 16 }, () => 0));
    const reply = await fetch(`${base}/predictions/asleep`, {
      method: 'POST',
      body: row,
      headers: { 'content-type': 'application/json' },
    });
    assert.equal(reply.status, 200, await reply.text());
    const gone = await send('DELETE', '/models/asleep/1.0');
    assert.deepEqual(gone.body, { status: 'Model "asleep" unregistered' });
    assert.equal((await send('GET', '/models/asleep')).status, 404);
    assert.equal((await send('DELETE', '/models/asleep')).status, 404);
  });
});

describe("TorchServe's management", () => {
  it('hardening: is refused unless models are loaded on request', async () => {
    await using serving = await Serving.start('h2', served, { server: { dialects: ['torchserve'] } });
    const base = `http://${serving.server.httpAddress}`;
    for (const [method, path] of [
      ['POST', '/models?url=mlp'],
      ['PUT', '/models/mlp?min_worker=2'],
      ['DELETE', '/models/mlp'],
    ] as const) {
      const reply = await fetch(base + path, { method });
      assert.equal(reply.status, 503, path);
      assert.equal(((await reply.json()) as { readonly type: string }).type, 'ServiceUnavailableException');
    }
  });

  it('hardening: needs the scope admin, and what can be read the scope infer', async () => {
    using folder = new TemporaryFolder();
    const apiKeysFile = join(folder.path, 'keys.json');
    writeFileSync(
      apiKeysFile,
      JSON.stringify({ keys: [{ principal: 'user', key: 'k'.repeat(32), scopes: ['infer'] }] }),
    );
    await using serving = await Serving.start('h2', served, {
      models: { controlMode: 'explicit', load: ['mlp'] },
      server: { dialects: ['torchserve'] },
      security: { apiKeysFile },
    });
    const status = async (method: string, path: string, key?: string): Promise<number> => {
      const headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
      const reply = await fetch(`http://${serving.server.httpAddress}${path}`, { method, headers });
      await reply.body?.cancel();
      return reply.status;
    };
    const key = 'k'.repeat(32);
    assert.equal(await status('GET', '/ping'), 200);
    assert.equal(await status('GET', '/models'), 401);
    assert.equal(await status('GET', '/models', key), 200);
    for (const [method, path] of [
      ['POST', '/models?url=pair'],
      ['PUT', '/models/mlp?min_worker=2'],
      ['DELETE', '/models/mlp'],
      ['DELETE', '/models/mlp/1'],
    ] as const) {
      assert.equal(await status(method, path, key), 403, `${method} ${path}`);
    }
  });
});
