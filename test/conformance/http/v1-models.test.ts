import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { models, loadedModels } from '../protocol/support/models.ts';
import { Serving } from '../protocol/support/serving.ts';
import { v1AnswerCases, v1ErrorCases, type V1Case } from './support/v1-cases.ts';

const labelled = {
  fixture: 'mlp16',
  versions: ['1', '3'],
  config: `max_batch_size: 8 version_policy { all { } }
    parameters { key: "version_label.stable" value { string_value: "1" } }
    parameters { key: "version_label.gone" value { string_value: "2" } }`,
} as const;

interface Told {
  readonly status: number;
  readonly text: string;
}

async function ask(base: string, { method, path, body }: V1Case): Promise<Told> {
  const reply = await fetch(base + path, { method, body });
  assert.equal(reply.headers.get('content-type'), 'application/json');
  return { status: reply.status, text: await reply.text() };
}

describe('KServe v1 and TensorFlow Serving over HTTP', () => {
  let serving: Serving;
  let base: string;

  before(async () => {
    serving = await Serving.start(
      'h2',
      { ...models, labelled },
      { models: { controlMode: 'explicit', load: [...loadedModels, 'labelled'] } },
    );
    base = `http://${serving.server.httpAddress}`;
  });
  after(() => serving[Symbol.asyncDispose]());

  for (const known of v1AnswerCases) {
    it(`${known.clause}: ${known.title}`, async () => {
      const { status, text } = await ask(base, known);
      assert.equal(status, known.status, text);
      assert.equal(text, known.text);
    });
  }

  for (const known of v1ErrorCases) {
    it(`${known.clause}: ${known.title}`, async () => {
      const { status, text } = await ask(base, known);
      assert.equal(status, known.status, text);
      const { error, ...others } = JSON.parse(text) as { error: string };
      assert.ok(error.includes(known.text), `${error}\ndoes not hold\n${known.text}`);
      assert.deepEqual(others, {});
      assert.doesNotMatch(error, /\/tmp\/|node_modules|\n|onnxruntime/i);
    });
  }

  it('hardening 5.1: requests are answered after all refused ones', async () => {
    for (const known of v1ErrorCases) await ask(base, known);
    for (const known of v1AnswerCases) {
      const { text } = await ask(base, known);
      assert.equal(text, known.text);
    }
  });
});

describe('models that do not serve', () => {
  let serving: Serving;
  let base: string;

  before(async () => {
    const { floats, broken } = models;
    assert.ok(floats !== undefined && broken !== undefined);
    serving = await Serving.start('h2', { floats, broken }, { models: { controlMode: 'explicit' } });
    base = `http://${serving.server.httpAddress}`;
    for (const action of ['floats/load', 'floats/unload', 'broken/load']) {
      const reply = await fetch(`${base}/v2/repository/models/${action}`, { method: 'POST' });
      await reply.body?.cancel();
    }
  });
  after(() => serving[Symbol.asyncDispose]());

  it('kserve v1: one that was unloaded is not ready, with 503', async () => {
    const reply = await fetch(`${base}/v1/models/floats`);
    assert.equal(reply.status, 503);
    const status = { error_code: 'OK', error_message: '' };
    assert.deepEqual(await reply.json(), {
      name: 'floats',
      ready: false,
      model_version_status: [{ version: '1', state: 'END', status }],
    });
  });

  it('tensorflow serving: one that could not be loaded says why', async () => {
    const reply = await fetch(`${base}/v1/models/broken/versions/1`);
    assert.equal(reply.status, 200);
    const { model_version_status: told } = (await reply.json()) as {
      readonly model_version_status: readonly { readonly state: string; readonly status: object }[];
    };
    assert.equal(told[0]?.state, 'END');
    assert.partialDeepStrictEqual(told[0].status, { error_code: 'UNKNOWN' });
    assert.match(JSON.stringify(told[0].status), /"error_message":"[^"]+"/);
  });

  for (const model of ['floats', 'broken']) {
    it(`kserve v1: ${model} does not predict`, async () => {
      const reply = await fetch(`${base}/v1/models/${model}:predict`, {
        method: 'POST',
        body: '{"instances":[[1]]}',
      });
      assert.ok([404, 503].includes(reply.status), String(reply.status));
      await reply.body?.cancel();
    });
  }
});

describe('KServe v1 alone', () => {
  let serving: Serving;
  let base: string;

  before(async () => {
    const { floats } = models;
    assert.ok(floats !== undefined);
    serving = await Serving.start('h2', { floats }, { server: { dialects: ['kserve-v1'] } });
    base = `http://${serving.server.httpAddress}`;
  });
  after(() => serving[Symbol.asyncDispose]());

  it('kserve v1: inputs are another word for instances', async () => {
    const reply = await fetch(`${base}/v1/models/floats:predict`, {
      method: 'POST',
      body: '{"inputs":[[1,2]]}',
    });
    assert.deepEqual(await reply.json(), { predictions: [[1, 2]] });
  });

  it("kserve v1: a model's path tells its name and whether it is ready", async () => {
    assert.deepEqual(await (await fetch(`${base}/v1/models/floats`)).json(), { name: 'floats', ready: true });
  });

  for (const path of [
    '/v1/models/floats/metadata',
    '/v1/models/floats/versions/1',
    '/v1/models/floats:classify',
  ]) {
    it(`kserve v1: ${path} is not found`, async () => {
      const reply = await fetch(base + path, { method: path.endsWith('classify') ? 'POST' : 'GET' });
      assert.equal(reply.status, 404);
      await reply.body?.cancel();
    });
  }
});

describe('no dialects', () => {
  it('have no paths', async () => {
    const { floats } = models;
    assert.ok(floats !== undefined);
    await using serving = await Serving.start('h2', { floats }, { server: { dialects: [] } });
    for (const path of ['/', '/v1/models', '/v1/models/floats', '/ping']) {
      const reply = await fetch(`http://${serving.server.httpAddress}${path}`);
      assert.equal(reply.status, 404, path);
      await reply.body?.cancel();
    }
  });
});
