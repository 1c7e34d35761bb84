import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { PartialOptions } from '../../../src/config/options.ts';
import { models } from '../protocol/support/models.ts';
import { Serving } from '../protocol/support/serving.ts';

const row = Array.from({ length: 16 }, (_, index) => index / 8);
const rows = JSON.stringify([row, row]);
const tensor = `{"name":"x","datatype":"FP32","shape":[2,16]`;

async function start(server: PartialOptions['server'], http: PartialOptions['http'] = {}): Promise<Serving> {
  const { mlp } = models;
  assert.ok(mlp !== undefined);
  return Serving.start('h2', { mlp }, { server, http });
}

const platforms = [
  { dialect: 'sagemaker', path: '/invocations', http: {}, ready: '/ping' },
  {
    dialect: 'vertex-ai',
    path: '/v1/endpoints/7/deployedModels/8:predict',
    http: {
      predictRoute: '/v1/endpoints/7/deployedModels/8:predict',
      healthRoute: '/v1/endpoints/7/deployedModels/8',
    },
    ready: '/v1/endpoints/7/deployedModels/8',
  },
  { dialect: 'azure-ml', path: '/score', http: {}, ready: '/ready' },
] as const;

for (const { dialect, path, http, ready } of platforms) {
  describe(`the dialect ${dialect}`, () => {
    let serving: Serving;
    let base: string;
    let scores: readonly (readonly number[])[];

    before(async () => {
      serving = await start({ dialects: [dialect, 'kserve-v1', 'tensorflow-serving', 'plain'] }, http);
      base = `http://${serving.server.httpAddress}`;
      const body = `{"inputs":[${tensor},"data":${rows}}]}`;
      const reply = await fetch(`${base}/v2/models/mlp/infer`, { method: 'POST', body });
      const { outputs } = (await reply.json()) as { outputs: { data: number[] }[] };
      const data = outputs[0]?.data ?? [];
      scores = [data.slice(0, 4), data.slice(4)];
      assert.equal(data.length, 8);
    });
    after(() => serving[Symbol.asyncDispose]());

    async function score(body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) {
      const reply = await fetch(base + path, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json', ...headers },
      });
      const bytes = Buffer.from(await reply.arrayBuffer());
      assert.equal(reply.status, 200, bytes.toString());
      return { bytes, headers: reply.headers, json: (): unknown => JSON.parse(bytes.toString()) };
    }

    it('takes instances', async () => {
      assert.deepEqual((await score(`{"instances":${rows},"parameters":{}}`)).json(), {
        predictions: scores,
      });
    });

    it('takes tensors by input', async () => {
      assert.deepEqual((await score(`{"inputs":{"x":${rows}}}`)).json(), { outputs: scores });
    });

    it('takes requests of the protocol', async () => {
      const told = (await score(`{"inputs":[${tensor},"data":${rows}}]}`)).json() as {
        outputs: { data: unknown }[];
      };
      assert.deepEqual(told.outputs[0]?.data, scores.flat());
    });

    it('takes features', async () => {
      const one = (await score(JSON.stringify({ features: row }))).json() as Record<string, unknown>;
      assert.equal(one['model'], 'mlp');
      const both = (await score(`{"features":${rows}}`)).json() as { predictions: { prediction: unknown }[] };
      assert.deepEqual(
        both.predictions.map(({ prediction }) => prediction),
        [one['prediction'], one['prediction']],
      );
    });

    it('takes data frames', async () => {
      const records = { predictions: scores.map((y) => ({ y })) };
      assert.deepEqual((await score(`{"dataframe_split":{"data":${rows}}}`)).json(), records);
      const record = JSON.stringify(Object.fromEntries(row.map((value, index) => [`f${index}`, value])));
      assert.deepEqual((await score(`{"dataframe_records":[${record},${record}]}`)).json(), records);
    });

    it('takes CSV without names, and answers in CSV where that is asked for', async () => {
      const csv = `${row.join()}\n${row.join()}\n`;
      const told = await score(csv, { 'content-type': 'text/csv', accept: 'text/csv' });
      assert.equal(told.headers.get('content-type'), 'text/csv; charset=utf-8');
      assert.deepEqual(
        told.bytes
          .toString()
          .trim()
          .split('\n')
          .map((line) => line.split(',').map(Number)),
        scores,
      );
      assert.deepEqual((await score(csv, { 'content-type': 'text/csv' })).json(), {
        predictions: scores.map((y) => ({ y })),
      });
    });

    it('takes the binary form', async () => {
      const data = Buffer.from(new Float32Array([...row, ...row]).buffer);
      const json = `{"inputs":[${tensor},"parameters":{"binary_data_size":${data.length}}}],"parameters":{"binary_data_output":true}}`;
      const name = dialect === 'vertex-ai' ? 'vertex-ai' : 'sagemaker';
      const type = `application/vnd.${name}-triton.binary+json;json-header-size=`;
      const body = new Uint8Array(Buffer.concat([Buffer.from(json), data]));
      const told = await score(body, { 'content-type': `${type}${json.length}` });
      const answered = told.headers.get('content-type') ?? '';
      assert.ok(answered.startsWith(type), answered);
      const floats = new Float32Array(
        new Uint8Array(told.bytes.subarray(Number(answered.slice(type.length)))).buffer,
      );
      assert.deepEqual([...floats], scores.flat().map(Math.fround));
    });

    it('tells that it is ready', async () => {
      const reply = await fetch(base + ready);
      assert.equal(reply.status, 200);
      await reply.body?.cancel();
    });

    for (const [title, body, headers] of [
      ['a body of no form', '{"data":[1]}', {}],
      ['a wrong shape', '{"instances":[[1]]}', {}],
      ['no size of the JSON', '{}', { 'content-type': 'application/vnd.sagemaker-triton.binary+json' }],
      [
        'a size of JSON beyond the body',
        '{}',
        { 'content-type': 'application/vnd.sagemaker-triton.binary+json;json-header-size=3' },
      ],
      ['uneven CSV', '1,2\n3', { 'content-type': 'text/csv' }],
    ] as const) {
      it(`refuses ${title}`, async () => {
        const reply = await fetch(base + path, { method: 'POST', body, headers });
        const told = (await reply.json()) as Record<string, unknown>;
        assert.equal(reply.status, 400);
        assert.deepEqual(Object.keys(told), ['error']);
      });
    }
  });
}

describe('what SageMaker asks besides', () => {
  let serving: Serving;
  let base: string;

  before(async () => {
    serving = await start({ dialects: ['sagemaker'] });
    base = `http://${serving.server.httpAddress}`;
  });
  after(() => serving[Symbol.asyncDispose]());

  it('an empty ping', async () => {
    const reply = await fetch(`${base}/ping`);
    assert.deepEqual([reply.status, await reply.text()], [200, '']);
  });

  it('parameters of batch transforms, at most 100 MB at a time', async () => {
    const told = (await (await fetch(`${base}/execution-parameters`)).json()) as Record<string, number>;
    assert.deepEqual(Object.keys(told), ['MaxConcurrentTransforms', 'BatchStrategy', 'MaxPayloadInMB']);
    assert.ok((told['MaxConcurrentTransforms'] ?? 0) * (told['MaxPayloadInMB'] ?? 0) <= 100);
  });

  it('custom attributes come back, if they are printable ASCII of 1,024 characters at most', async () => {
    const name = 'X-Amzn-SageMaker-Custom-Attributes';
    const ask = async (value: string): Promise<string | null> => {
      const body = `{"instances":${rows}}`;
      const reply = await fetch(`${base}/invocations`, { method: 'POST', body, headers: { [name]: value } });
      assert.equal(reply.status, 200, await reply.text());
      return reply.headers.get(name);
    };
    assert.equal(await ask('trace=7, x'), 'trace=7, x');
    assert.equal(await ask('\u00e9'), null);
    assert.equal(await ask('x'.repeat(1025)), null);
  });
});

describe('platforms without a model that is ready', () => {
  for (const { dialect, http, ready } of platforms) {
    it(`are told so by ${dialect}`, async () => {
      await using serving = await Serving.start(
        'h2',
        { broken: { fixture: undefined } },
        { server: { dialects: [dialect] }, http },
      );
      const reply = await fetch(`http://${serving.server.httpAddress}${ready}`);
      assert.equal(reply.status, 503);
      await reply.body?.cancel();
    });
  }
});
