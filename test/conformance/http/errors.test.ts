import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { after, before, describe, it } from 'node:test';
import { loadedModels, models } from '../protocol/support/models.ts';
import { Serving } from '../protocol/support/serving.ts';
import { httpErrorCases, inferText } from './support/http-error-cases.ts';
import { httpTensorErrorCases } from './support/http-tensor-error-cases.ts';

const cases = [...httpErrorCases, ...httpTensorErrorCases];

describe('errors over HTTP', () => {
  let serving: Serving;
  let base: string;

  before(async () => {
    serving = await Serving.start('h2', models, {
      models: { controlMode: 'explicit', load: loadedModels },
      http: { maxInputBytes: 64 << 10 },
    });
    base = `http://${serving.server.httpAddress}`;
  });
  after(() => serving[Symbol.asyncDispose]());

  for (const { clause, title, path, method, headers, body, status, text } of cases) {
    it(`${clause}: ${title}`, async () => {
      const reply = await fetch(base + path, { method, headers, body });
      const content = await reply.text();
      assert.equal(reply.status, status, content);
      assert.equal(reply.headers.get('content-type'), 'application/json');
      const { error, ...others } = JSON.parse(content) as { error: string };
      assert.ok(error.includes(text), `${error}\ndoes not hold\n${text}`);
      assert.deepEqual(others, {});
      assert.doesNotMatch(error, /\/tmp\/|node_modules|\n|onnxruntime/i);
    });
  }

  it('1.7: an unknown Content-Encoding is told which are known', async () => {
    const reply = await fetch(`${base}/v2/models/mlp/infer`, {
      method: 'POST',
      headers: { 'content-encoding': 'br' },
      body: '{}',
    });
    assert.equal(reply.status, 501);
    assert.equal(reply.headers.get('accept-encoding'), 'gzip, deflate');
    await reply.body?.cancel();
  });

  it('1.7: a small body that inflates beyond --http-max-input-size is refused', async () => {
    const reply = await fetch(`${base}/v2/models/mlp/infer`, {
      method: 'POST',
      headers: { 'content-encoding': 'gzip' },
      body: gzipSync(Buffer.alloc(1 << 20, ' ')),
    });
    assert.equal(reply.status, 400);
    assert.match(await reply.text(), /exceeds the maximum allowed/);
  });

  it('hardening 5.1: a request after all refused ones is answered', async () => {
    for (const { path, method, headers, body } of cases) {
      await (await fetch(base + path, { method, headers, body })).body?.cancel();
    }
    const reply = await fetch(`${base}/v2/models/mlp/infer`, { method: 'POST', body: inferText() });
    assert.equal(reply.status, 200, await reply.text());
  });
});
