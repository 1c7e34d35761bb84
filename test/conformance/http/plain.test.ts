import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { models } from '../protocol/support/models.ts';
import { Serving, type ServedModel } from '../protocol/support/serving.ts';

const described: ServedModel = {
  fixture: 'mlp16',
  config: 'max_batch_size: 4',
  files: {
    'model.yaml': `
description: Sixteen numbers.
features:
${Array.from({ length: 16 }, (_, index) => `  - { name: f${index}, min: -10, max: 10${index === 15 ? ', default: 0' : ''} }`).join('\n')}
outputs: { logits: y }
classes: [red, green, blue, white]`,
  },
};

const served: Readonly<Record<string, ServedModel>> = {
  ...Object.fromEntries(
    ['mlp', 'pair', 'scale', 'text', 'flags', 'half', 'big', 'versions'].map((name) => [
      name,
      models[name] ?? described,
    ]),
  ),
  described,
  misdescribed: { ...described, files: { 'model.yaml': 'features: [{ name: a }]' } },
};

interface Told {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

describe('the plain prediction API', () => {
  let serving: Serving;
  let base: string;

  before(async () => {
    serving = await Serving.start('h2', served, {
      models: { strictReadiness: false, defaultModel: 'described' },
    });
    base = `http://${serving.server.httpAddress}`;
  });
  after(() => serving[Symbol.asyncDispose]());

  async function told(path: string, body?: string): Promise<Told> {
    const reply = await fetch(base + path, body === undefined ? {} : { method: 'POST', body });
    assert.equal(reply.headers.get('content-type'), 'application/json');
    return { status: reply.status, body: (await reply.json()) as Readonly<Record<string, unknown>> };
  }

  const row = JSON.stringify(Array.from({ length: 16 }, (_, index) => index / 16));

  for (const path of [
    '/v1/predict',
    '/predict',
    '/v1/models/described/predict',
    '/v1/models/described/versions/1/predict',
  ]) {
    it(`POST ${path} predicts a class`, async () => {
      const { status, body } = await told(path, `{"features":${row},"id":"a"}`);
      assert.equal(status, 200, JSON.stringify(body));
      const { prediction, probabilities, confidence, ...rest } = body;
      assert.deepEqual(rest, { id: 'a', model: 'described', version: '1' });
      assert.deepEqual(Object.keys(Object(probabilities)), ['red', 'green', 'blue', 'white']);
      const shares = Object.values(probabilities as Readonly<Record<string, number>>);
      assert.ok(Math.abs(shares.reduce((sum, share) => sum + share, 0) - 1) < 1e-5);
      assert.equal(confidence, Math.max(...shares));
      assert.equal(confidence, (probabilities as Readonly<Record<string, number>>)[String(prediction)]);
    });
  }

  it('the same prediction comes from a list, from names, in a batch, and from version 2 of the protocol', async () => {
    const values = JSON.parse(row) as number[];
    const named = Object.fromEntries(values.map((value, index) => [`f${index}`, value]));
    const one = (await told('/v1/predict', `{"features":${row}}`)).body;
    assert.deepEqual((await told('/v1/predict', JSON.stringify({ features: named }))).body, one);
    const rows = Array.from({ length: 9 }, (_, index) => (index % 2 === 0 ? values : named));
    const { body } = await told('/v1/predict/batch', JSON.stringify({ features: rows }));
    const { model, version, ...prediction } = one;
    assert.deepEqual(body, { predictions: rows.map(() => prediction), model, version });
    const { body: v2 } = await told(
      '/v2/models/described/infer',
      `{"inputs":[{"name":"x","datatype":"FP32","shape":[1,16],"data":${row}}]}`,
    );
    const [{ data = [] } = {}] = v2['outputs'] as { data?: number[] }[];
    const classes = ['red', 'green', 'blue', 'white'];
    assert.equal(prediction['prediction'], classes[data.indexOf(Math.max(...data))]);
  });

  it('labels of the configuration name classes', async () => {
    const { body } = await told('/v1/models/mlp/predict', `{"features":${row}}`);
    assert.match(String(body['prediction']), /^(red|green|blue|white)$/);
    assert.equal(body['probabilities'], null);
  });

  const plain = [
    ['/v1/models/text/predict', '["a \\u00e9"]', 'a é'],
    ['/v1/models/flags/predict', '[true,0]', [true, false]],
    ['/v1/models/half/predict', '[0.5,-2]', [0.5, -2]],
    ['/v1/models/scale/predict', '{"x":[3,4],"factor":2}', { y: [6, 8], total: 14 }],
  ] as const;
  for (const [path, features, prediction] of plain) {
    it(`${path} takes ${features}`, async () => {
      const { status, body } = await told(path, `{"features":${features}}`);
      assert.equal(status, 200, JSON.stringify(body));
      assert.deepEqual(body['prediction'], prediction);
      assert.deepEqual([body['probabilities'], body['confidence']], [null, null]);
    });
  }

  it('integers beyond 2^53 keep all their digits', async () => {
    const reply = await fetch(`${base}/v1/models/big/predict`, {
      method: 'POST',
      body: '{"features":[18446744073709551615]}',
    });
    assert.match(await reply.text(), /"prediction":\[?18446744073709551615\]?,/);
  });

  it('errors list every feature that is wrong', async () => {
    const values: unknown[] = JSON.parse(row) as unknown[];
    values[2] = 11;
    values[4] = 'x';
    values[6] = null;
    const { status, body } = await told('/v1/predict', JSON.stringify({ features: values }));
    assert.equal(status, 400);
    assert.deepEqual(body, {
      error:
        "3 features are wrong: 'f2' must be at most 10, is 11; 'f4' must be a number; 'f6' must not be null",
      reason: 'INVALID_FEATURES',
      details: [
        { index: 2, feature: 'f2', problem: 'must be at most 10, is 11' },
        { index: 4, feature: 'f4', problem: 'must be a number' },
        { index: 6, feature: 'f6', problem: 'must not be null' },
      ],
    });
  });

  const errors = [
    ['an unknown model', '/v1/models/nobody/predict', `{"features":[1]}`, 404, 'MODEL_NOT_FOUND'],
    [
      'a version that is not there',
      '/v1/models/mlp/versions/7/predict',
      `{"features":[1]}`,
      404,
      'MODEL_NOT_FOUND',
    ],
    [
      'a model whose file does not fit it',
      '/v1/models/misdescribed/predict',
      '{"features":[1]}',
      404,
      'MODEL_NOT_FOUND',
    ],
    ['no JSON', '/v1/predict', '{', 400, 'MALFORMED_MESSAGE'],
    ['an unknown field', '/v1/predict', '{"instances":[]}', 400, 'MALFORMED_MESSAGE'],
    ['no features', '/v1/predict', '{}', 400, 'MISSING_DATA'],
  ] as const;
  for (const [title, path, body, status, reason] of errors) {
    it(`${title} is answered with ${status}`, async () => {
      const answer = await told(path, body);
      assert.equal(answer.status, status, JSON.stringify(answer.body));
      assert.equal(typeof answer.body['error'], 'string');
      assert.equal(answer.body['reason'], reason);
      assert.doesNotMatch(JSON.stringify(answer.body), /\/tmp\/|node_modules|onnxruntime/i);
    });
  }

  it('GET is no way to predict', async () => {
    const reply = await fetch(`${base}/v1/predict`);
    assert.deepEqual([reply.status, reply.headers.get('allow')], [405, 'POST']);
    await reply.body?.cancel();
  });

  interface TaskBody {
    readonly task_id: string;
    readonly state: string;
    readonly result?: unknown;
    readonly error?: string;
  }

  /** Asks until the task has finished. */
  async function finished(location: string): Promise<TaskBody> {
    const deadline = performance.now() + 60_000;
    for (;;) {
      const { status, body } = await told(location);
      assert.equal(status, 200);
      const task = body as unknown as TaskBody;
      if (task.state !== 'pending') return task;
      assert.ok(performance.now() < deadline, 'the task does not finish');
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  for (const [path, features] of [
    ['/v1/predict', row],
    ['/predict', row],
    ['/v1/predict/batch', `[${row},${row},${row},${row},${row}]`],
    ['/v1/models/mlp/predict', row],
  ] as const) {
    it(`${path}/async gives a task whose result is that of ${path}`, async () => {
      const body = `{"features":${features},"id":"a"}`;
      const reply = await fetch(`${base}${path}/async`, { method: 'POST', body });
      const task = (await reply.json()) as TaskBody;
      assert.equal(reply.status, 202);
      assert.equal(reply.headers.get('location'), `/v1/tasks/${task.task_id}`);
      assert.equal(task.state, 'pending');
      const { state, result } = await finished(`/v1/tasks/${task.task_id}`);
      assert.deepEqual([state, result], ['succeeded', (await told(path, body)).body]);
    });
  }

  it('a task that was deleted is not found', async () => {
    const { body } = await told('/v1/predict/async', `{"features":${row}}`);
    const path = `/v1/tasks/${(body as unknown as TaskBody).task_id}`;
    await finished(path);
    const reply = await fetch(base + path, { method: 'DELETE' });
    assert.equal(reply.status, 200);
    await reply.body?.cancel();
    const again = await told(path);
    assert.deepEqual([again.status, again.body['reason']], [404, 'TASK_NOT_FOUND']);
  });

  it('features of a task that are wrong are refused at once', async () => {
    const { status, body } = await told('/v1/predict/async', '{"features":[]}');
    assert.deepEqual([status, body['reason']], [400, 'INVALID_FEATURES']);
  });

  it('a model tells its features', async () => {
    const { body } = await told('/v1/models/described/info');
    const { features, ...rest } = body;
    assert.deepEqual(rest, {
      name: 'described',
      version: '1',
      description: 'Sixteen numbers.',
      classes: ['red', 'green', 'blue', 'white'],
      probabilities: true,
      max_batch_size: 4,
    });
    const listed = features as readonly unknown[];
    assert.equal(listed.length, 16);
    assert.deepEqual(listed[15], {
      name: 'f15',
      type: 'number',
      min: -10,
      max: 10,
      default: 0,
      non_finite: 'refuse',
    });
    for (const path of ['/v1/model/info', '/model/info']) assert.deepEqual((await told(path)).body, body);
  });

  it('a model without a list of features tells its inputs', async () => {
    const { body } = await told('/v1/models/mlp/info');
    assert.deepEqual(body['inputs'], [
      { name: 'x', type: 'number', shape: [16], optional: false, non_finite: 'refuse' },
    ]);
  });

  it('health says whether a model is loaded', async () => {
    for (const path of ['/health', '/v1/health']) {
      assert.deepEqual(await told(path), { status: 200, body: { status: 'healthy', model_loaded: true } });
    }
  });

  it('why a file does not fit its model stands in the repository index', async () => {
    const { body } = await told('/v2/repository/index', '{}');
    const entry = (body as unknown as { name: string; reason: string }[]).find(
      ({ name }) => name === 'misdescribed',
    );
    assert.match(
      entry?.reason ?? '',
      /model\.yaml of model 'misdescribed': input 'x' takes 16 values, but 1 features/,
    );
  });

  it('statistics count predictions as inferences', async () => {
    const count = async (): Promise<number> => {
      const { body } = await told('/v2/models/mlp/stats');
      return (body['model_stats'] as { inference_count: number }[])[0]?.inference_count ?? -1;
    };
    const before = await count();
    await told('/v1/models/mlp/predict/batch', `{"features":[${row},${row}]}`);
    assert.equal(await count(), before + 2);
  });
});

describe('the plain prediction API of a server', () => {
  it('without models is not healthy, and has nothing to predict with', async () => {
    await using serving = await Serving.start('h2', { broken: { fixture: undefined } });
    const base = `http://${serving.server.httpAddress}`;
    const health = await fetch(`${base}/health`);
    assert.equal(health.status, 503);
    assert.deepEqual(await health.json(), { status: 'unhealthy', model_loaded: false });
    const reply = await fetch(`${base}/v1/predict`, { method: 'POST', body: '{"features":[1]}' });
    assert.equal(reply.status, 503);
    await reply.body?.cancel();
  });

  it('with one model needs no name, with several it does', async () => {
    const { text, flags } = models;
    assert.ok(text !== undefined && flags !== undefined);
    for (const [repository, status] of [
      [{ flags }, 200],
      [{ flags, text }, 400],
    ] as const) {
      await using serving = await Serving.start('h2', repository);
      const reply = await fetch(`http://${serving.server.httpAddress}/predict`, {
        method: 'POST',
        body: '{"features":[true]}',
      });
      assert.equal(reply.status, status, await reply.text());
    }
  });

  it('has no tasks with several I/O threads', async () => {
    const { flags } = models;
    assert.ok(flags !== undefined);
    await using serving = await Serving.start('h2', { flags }, { server: { ioThreads: 2 } });
    const reply = await fetch(`http://${serving.server.httpAddress}/v1/predict/async`, {
      method: 'POST',
      body: '{"features":[true]}',
    });
    assert.equal(reply.status, 501);
    assert.match(await reply.text(), /TASKS_UNSUPPORTED/);
  });

  it('is not there when it is switched off', async () => {
    const { scale } = models;
    assert.ok(scale !== undefined);
    await using serving = await Serving.start('h2', { scale }, { server: { dialects: [] } });
    for (const path of ['/health', '/v1/predict', '/model/info']) {
      const reply = await fetch(`http://${serving.server.httpAddress}${path}`);
      assert.equal(reply.status, 404, path);
      await reply.body?.cancel();
    }
  });
});
