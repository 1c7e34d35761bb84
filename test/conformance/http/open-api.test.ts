import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { matchesSchema } from '../../support/json-schema.ts';
import { models } from '../protocol/support/models.ts';
import { Serving, type ServedModel } from '../protocol/support/serving.ts';

interface Media {
  readonly schema?: unknown;
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, { readonly value: unknown }>>;
}

type Content = Readonly<Record<string, Media>>;

interface Operation {
  readonly operationId: string;
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly content?: Content; readonly $ref?: string }>>;
}

interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly responses: Readonly<Record<string, { readonly content?: Content }>> };
}

const methods = ['get', 'post', 'put', 'delete'];

const described: ServedModel = {
  fixture: 'mlp16',
  config: 'max_batch_size: 4',
  files: {
    'model.yaml': `
features:
${Array.from({ length: 13 }, (_, index) => `  - { name: f${index} }`).join('\n')}
  - { name: limited, min: -1, max: 2, nonFinite: nan }
  - { name: whole, type: integer, values: [1, 3] }
  - { name: left out, type: boolean, default: true }
outputs: { logits: y }
classes: [red, green, blue, white]`,
  },
};

describe('the description of the front', () => {
  let serving: Serving;
  let base: string;
  let document: Document;

  before(async () => {
    const names = ['mlp', 'text', 'flags', 'half', 'big', 'scale', 'uint8'] as const;
    const plain = names.flatMap((name) => {
      const model = models[name];
      return model === undefined ? [] : [[name, model] as const];
    });
    assert.equal(plain.length, names.length);
    serving = await Serving.start('h2', { ...Object.fromEntries(plain), described, 'od d': described });
    base = `http://${serving.server.httpAddress}`;
    document = (await (await fetch(`${base}/openapi.json`)).json()) as Document;
  });
  after(() => serving[Symbol.asyncDispose]());

  function operation(path: string, method: string): Operation {
    const found = document.paths[path]?.[method];
    assert.ok(found !== undefined, `${method} ${path}`);
    return found;
  }

  async function ask(
    path: string,
    body?: unknown,
  ): Promise<{ readonly status: number; readonly told: unknown }> {
    const reply = await fetch(
      base + path,
      body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) },
    );
    return { status: reply.status, told: await reply.json() };
  }

  /** The reply must be as the description has it for its status. */
  function assertDescribed(
    { responses }: Operation,
    { status, told }: { status: number; told: unknown },
  ): void {
    const reply = responses[String(status)];
    assert.ok(reply !== undefined, `${status} is not described`);
    const { content } = reply.$ref === undefined ? reply : (refusal(reply.$ref) ?? {});
    const schema = content?.['application/json']?.schema;
    assert.ok(matchesSchema(document, schema, told), `${JSON.stringify(schema)}: ${JSON.stringify(told)}`);
  }

  function refusal(reference: string): { readonly content?: Content } | undefined {
    return document.components.responses[reference.split('/').at(-1) ?? ''];
  }

  it('is of OpenAPI 3.1, and has the paths of every model', () => {
    assert.equal(document.openapi, '3.1.0');
    for (const name of ['mlp', 'described', 'od%20d']) {
      for (const path of ['predict', 'predict/batch', 'predict/async', 'predict/batch/async', 'info']) {
        assert.ok(Object.hasOwn(document.paths, `/v1/models/${name}/${path}`), path);
      }
    }
  });

  it('has examples that are as it says, and are answered as it says', async () => {
    const tried = new Set<string>();
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const [method, described] of Object.entries(methods)) {
        if (path.includes('{') || (method !== 'get' && method !== 'post')) continue;
        const content = described.requestBody?.content['application/json'];
        // A model whose input is no JSON, and whatever means a model without naming it.
        if (described.requestBody !== undefined && content?.example === undefined) continue;
        if (path === '/' || path === '/v1/model/info' || path === '/model/info') continue;
        if (content !== undefined) assert.ok(matchesSchema(document, content.schema, content.example), path);
        const answer = await ask(path, content?.example);
        assert.ok(answer.status === 200 || answer.status === 202, `${path}: ${JSON.stringify(answer.told)}`);
        assertDescribed(described, answer);
        tried.add(path);
      }
    }
    for (const path of ['/v2/models/mlp/infer', '/v2/models/text/generate', '/v1/models/od%20d/predict']) {
      assert.ok(tried.has(path), path);
    }
  });

  it('has examples of replies that are as it says', () => {
    for (const [path, item] of Object.entries(document.paths)) {
      for (const [method, { responses }] of Object.entries(item)) {
        if (!methods.includes(method)) continue;
        for (const { content = {} } of Object.values(responses)) {
          for (const { schema, example } of Object.values(content)) {
            if (example !== undefined) assert.ok(matchesSchema(document, schema, example), path);
          }
        }
      }
    }
  });

  it('has an example of rows for each model in the paths of all models', async () => {
    const { requestBody, ...predict } = operation('/v1/models/{model}:predict', 'post');
    const examples = requestBody?.content['application/json']?.examples ?? {};
    assert.ok(Object.keys(examples).length >= 3);
    for (const [name, { value }] of Object.entries(examples)) {
      const answer = await ask(`/v1/models/${encodeURIComponent(name)}:predict`, value);
      assert.equal(answer.status, 200, JSON.stringify(answer.told));
      assertDescribed(predict, answer);
    }
  });

  it('names every operation differently', () => {
    const ids = Object.values(document.paths).flatMap((item) =>
      methods.flatMap((method) => item[method]?.operationId ?? []),
    );
    assert.ok(ids.length > 100);
    assert.equal(new Set(ids).size, ids.length);
  });

  const inferBodies: readonly (readonly [string, object])[] = [
    ['a tensor', {}],
    ['rows as lists', { shape: [2, 16], data: [Array(16).fill(1), Array(16).fill(2)] }],
    ['another name', { name: 'q' }],
    ['another datatype', { datatype: 'INT32' }],
    ['another shape', { shape: [1, 8], data: Array(8).fill(1) }],
    ['another rank', { shape: [16] }],
    ['too many rows', { shape: [9, 16], data: Array(144).fill(1) }],
    ['no rows', { shape: [0, 16], data: [] }],
    ['texts', { data: Array(16).fill('x') }],
    ['an object for a list', { data: {} }],
    ['a number that no float holds', { data: Array(16).fill(1e39) }],
    ['parameters that are no object', { parameters: [] }],
    ['parameters that are objects', { parameters: { a: {} } }],
  ];
  for (const [title, change] of inferBodies) {
    it(`says as the server does whether ${title} can be inferred from`, async () => {
      const described = operation('/v2/models/mlp/infer', 'post');
      const input = { name: 'x', datatype: 'FP32', shape: [1, 16], data: Array(16).fill(1), ...change };
      const says = matchesSchema(document, described.requestBody?.content['application/json']?.schema, {
        inputs: [input],
      });
      const answer = await ask('/v2/models/mlp/infer', { inputs: [input] });
      assert.equal(answer.status, says ? 200 : 400, JSON.stringify(answer.told));
      assertDescribed(described, answer);
    });
  }

  const row = [...Array.from({ length: 13 }, (_, index) => index), 0.5, 3, false];
  const named = Object.fromEntries(
    row.map((value, index) => [['limited', 'whole', 'left out'][index - 13] ?? `f${index}`, value]),
  );
  const { 'left out': _, ...shorter } = named;
  const changed = (index: number, value: unknown): unknown[] =>
    row.map((old, at) => (at === index ? value : old));
  const bodies: readonly (readonly [string, unknown])[] = [
    ['a list', row],
    ['an object', named],
    ['a list without what may be left out', row.slice(0, 15)],
    ['an object without what may be left out', shorter],
    ['a list that is too short', row.slice(0, 14)],
    ['a list that is too long', [...row, 1]],
    ['an unknown name', { ...named, more: 1 }],
    ['a missing name', { ...shorter, f0: undefined }],
    ['null where NaN is taken', changed(13, null)],
    ['null where it is not', changed(0, null)],
    ['null for a default', changed(15, null)],
    ['too much', changed(13, 2.5)],
    ['too little', changed(13, -1.5)],
    ['a value that is listed', changed(14, 1)],
    ['a value that is not', changed(14, 2)],
    ['more than a float holds', changed(0, 1e39)],
    ['a text', changed(0, '1')],
    ['a number for a boolean', changed(15, 2)],
    ['a list for a value', changed(0, [1])],
    ['a text for all', 'x'],
    ['nothing', []],
  ];
  for (const [title, features] of bodies) {
    it(`says as the server does whether ${title} is right`, async () => {
      const path = '/v1/models/described/predict';
      const described = operation(path, 'post');
      const body: unknown = JSON.parse(JSON.stringify({ features }));
      const says = matchesSchema(document, described.requestBody?.content['application/json']?.schema, body);
      const answer = await ask(path, body);
      assert.equal(answer.status, says ? 200 : 400, JSON.stringify(answer.told));
      assertDescribed(described, answer);
    });
  }

  it('tells bounds of 64 bits with all their digits', async () => {
    const text = await (await fetch(`${base}/openapi.json`)).text();
    assert.ok(text.includes('"minimum":0,"maximum":18446744073709551615'));
  });

  it('leaves out models that answer several times', async () => {
    const { decoupled } = models;
    assert.ok(decoupled !== undefined);
    await using serving = await Serving.start('h2', { decoupled });
    const told = (await (
      await fetch(`http://${serving.server.httpAddress}/openapi.json`)
    ).json()) as Document;
    assert.ok(!Object.hasOwn(told.paths, '/v1/models/decoupled/predict'));
  });

  it('follows the models that are ready', async () => {
    await using empty = await Serving.start('h2', { broken: { fixture: undefined } });
    const told = (await (await fetch(`http://${empty.server.httpAddress}/openapi.json`)).json()) as Document;
    assert.ok(Object.hasOwn(told.paths, '/v2/models/{model}/infer'));
    assert.deepEqual(
      Object.keys(told.paths).filter((path) => path.includes('broken')),
      [],
    );
  });
});
