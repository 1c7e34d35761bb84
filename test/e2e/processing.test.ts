import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { createClient } from '../../src/client/client.ts';
import { texts } from '../../src/client/infer-messages.ts';
import { RepositoryFolder } from '../support/repository-folder.ts';
import { startServer, type RunningServer } from '../support/start-server.ts';

const examples = join(import.meta.dirname, '..', '..', 'examples', 'processing');
const iris = readFileSync(join(examples, 'describe_iris', '1', 'model.onnx'));
const tooFewCores = availableParallelism() < 2 ? 'needs two cores' : false;
const noProc = process.platform === 'linux' ? false : 'needs /proc';
const flower = 'sepal 5.1 x 3.5, petal 1.4 x 0.2';

async function post(server: RunningServer, model: string, body: object): Promise<[number, string, unknown]> {
  const reply = await fetch(`http://${server.httpAddress}/v2/models/${model}/infer`, {
    method: 'POST',
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(60_000),
  });
  return [reply.status, reply.headers.get('tensorgate-reason') ?? '', await reply.json()];
}

async function asDescribed(t: TestContext, server: RunningServer): Promise<void> {
  using client = createClient({ address: server.grpcAddress });

  await t.test('metadata and configuration are those of the module, on both fronts', async () => {
    const { inputs, outputs } = await client.metadata('describe_iris');
    assert.deepEqual(inputs, [{ name: 'flower', datatype: 'BYTES', shape: [-1, 1] }]);
    assert.deepEqual(
      outputs.map(({ name }) => name),
      ['species', 'confidence'],
    );
    const reply = await fetch(`http://${server.httpAddress}/v2/models/describe_iris/config`);
    const { input } = (await reply.json()) as { input: { name: string; data_type: string }[] };
    assert.deepEqual([input[0]?.name, input[0]?.data_type], ['flower', 'TYPE_STRING']);
  });

  await t.test('text in, class names out, over gRPC', async () => {
    const data = Array.from({ length: 20 }, (_, at) => (at % 2 === 0 ? flower : '6.2 3.4 5.4 2.3'));
    const answers = await Promise.all(
      data.map((text) =>
        client.infer({ model: 'describe_iris', inputs: [{ name: 'flower', shape: [1, 1], data: [text] }] }),
      ),
    );
    assert.deepEqual(
      answers.map(({ outputs: [species] }) => texts(species!)[0]),
      data.map((_, at) => (at % 2 === 0 ? 'setosa' : 'virginica')),
    );
  });

  await t.test('text in, class names out, over HTTP', async () => {
    const inputs = [{ name: 'flower', datatype: 'BYTES', shape: [2, 1], data: [flower, '6.2 3.4 5.4 2.3'] }];
    const outputs = [{ name: 'species' }];
    const [status, , body] = await post(server, 'describe_iris', { inputs, outputs });
    assert.equal(status, 200);
    assert.deepEqual((body as { outputs: unknown }).outputs, [
      { name: 'species', datatype: 'BYTES', shape: [2, 1], data: ['setosa', 'virginica'] },
    ]);
  });

  await t.test('what the module refuses is the client’s mistake', async () => {
    const call = { model: 'describe_iris', inputs: [{ name: 'flower', shape: [1, 1], data: ['hm'] }] };
    const message = 'row 0: expected four sizes in centimetres, found 0';
    await assert.rejects(client.infer(call), { code: 'invalid_argument', message });
    const inputs = [{ name: 'flower', datatype: 'BYTES', shape: [1, 1], data: ['hm'] }];
    const [status, reason] = await post(server, 'describe_iris', { inputs });
    assert.deepEqual([status, reason], [400, 'PROCESSING_REFUSED']);
  });

  await t.test('the protocol’s checks hold before the module', async () => {
    const inputs = [{ name: 'features', datatype: 'FP32', shape: [1, 4], data: [1, 2, 3, 4] }];
    const [status] = await post(server, 'describe_iris', { inputs });
    assert.equal(status, 400);
  });
}

test('the example module', async (t) => {
  await using server = await startServer({ repository: examples, args: ['--allow-processing-modules'] });
  await asDescribed(t, server);
});

test('the example module, on I/O threads', { skip: tooFewCores }, async (t) => {
  await using server = await startServer({
    repository: examples,
    args: ['--allow-processing-modules', '--io-threads', '2'],
  });
  await asDescribed(t, server);
});

test('a step of an ensemble may have a module, an ensemble of its own and a model of sequences may not', async () => {
  using folder = new RepositoryFolder();
  const ensemble = `platform: "ensemble" max_batch_size: 8
    input [ { name: "text" data_type: TYPE_STRING dims: [1] } ]
    output [ { name: "name" data_type: TYPE_STRING dims: [1] } ]
    ensemble_scheduling { step { model_name: "describe_iris" model_version: -1
      input_map { key: "flower" value: "text" } output_map { key: "species" value: "name" } } }`;
  const nothing = 'export const preprocess = (inputs) => inputs;';
  folder.put('whole/config.pbtxt', ensemble);
  folder.put('whole/1/unused', '');
  folder.put('spoilt/config.pbtxt', ensemble);
  folder.put('spoilt/1/unused', '');
  folder.put('spoilt/processing.mjs', nothing);
  folder.put('sequences/config.pbtxt', 'sequence_batching { }');
  folder.put('sequences/1/model.onnx', iris);
  folder.put('sequences/processing.mjs', nothing);
  await using server = await startServer({
    repository: [examples, folder.path],
    args: ['--allow-processing-modules', '--strict-readiness', 'false'],
  });
  using client = createClient({ address: server.grpcAddress });
  const inputs = [{ name: 'text', shape: [2, 1], data: [flower, '6.2 3.4 5.4 2.3'] }];
  const { outputs } = await client.infer({ model: 'whole', inputs });
  assert.deepEqual(texts(outputs[0]!), ['setosa', 'virginica']);
  const states = await client.index();
  const why = (model: string) => states.find(({ name }) => name === model)?.reason ?? '';
  assert.match(why('spoilt'), /an ensemble has no processing module/);
  assert.match(why('sequences'), /cannot stand beside sequence_batching/);
});

test('a model with a module is refused where modules are not allowed', async () => {
  await using server = await startServer({ repository: examples });
  const reply = await fetch(`http://${server.httpAddress}/v2/repository/index`, { method: 'POST' });
  const [entry] = (await reply.json()) as { state: string; reason: string }[];
  assert.match(entry?.reason ?? '', /--allow-processing-modules/);
  assert.equal(entry?.state, 'UNAVAILABLE');
});

const passOn = 'return { features: { shape: features.shape, data: features.data } };';

/** Each misbehaves when the first feature is 1. Those that never come back are given two seconds, the others as long as they need. */
const hostile: readonly (readonly [name: string, code: string, reason: string])[] = [
  ['throws', 'throw new Error("secret")', 'PROCESSING_FAILED'],
  ['hangs', 'for (;;);', 'PROCESSING_TIMEOUT'],
  ['waits', 'await new Promise(() => undefined)', 'PROCESSING_TIMEOUT'],
  ['exits', 'process.exit(0)', 'PROCESSING_LOST'],
  ['aborts', 'process.abort()', 'PROCESSING_LOST'],
  ['grows', 'const a = []; for (;;) a.push(new Uint8Array(1e6).fill(1))', 'PROCESSING_MEMORY'],
  ['arrays', 'const b = []; for (;;) b.push(new Array(1e8).fill(b.length + 0.5))', ''],
  ['nothing', 'return undefined', 'PROCESSING_FAILED'],
  ['other', 'return { x: { shape: [1], data: new Float32Array(1) } }', 'PROCESSING_FAILED'],
  ['large', 'return { features: { shape: [1e9], data: new Float32Array(1) } }', 'PROCESSING_FAILED'],
  ['lies', 'process.send({ kind: "done", tensors: [{ name: 1 }] }); await 0;', ''],
];

test('modules that misbehave fail only their own requests', async (t) => {
  using folder = new RepositoryFolder();
  const parameters = (timeoutMs: string): string =>
    Object.entries({ processing_timeout_ms: timeoutMs, processing_memory_mib: '256' })
      .map(([key, value]) => `parameters { key: "${key}" value { string_value: "${value}" } }`)
      .join('\n');
  for (const [name, code, reason] of hostile) {
    folder.put(`${name}/1/model.onnx`, iris);
    folder.put(`${name}/config.pbtxt`, parameters(reason === 'PROCESSING_TIMEOUT' ? '2000' : '60000'));
    const body = `export async function preprocess({ features }) { if (features.data[0] === 1) { ${code}; } ${passOn} }`;
    folder.put(`${name}/processing.mjs`, body);
  }
  await using server = await startServer({ repository: folder.path, args: ['--allow-processing-modules'] });
  const inputs = (first: number) => [
    { name: 'features', datatype: 'FP32', shape: [1, 4], data: [first, 3.5, 1.4, 0.2] },
  ];
  for (const [name, , reason] of hostile) {
    await t.test(name, async () => {
      const bad = post(server, name, { inputs: inputs(1) });
      // They wait behind it, and are run by the next process.
      const good = Array.from({ length: 3 }, () => post(server, name, { inputs: inputs(5.1) }));
      const [status, told, body] = await bad;
      assert.equal(status, 500);
      if (reason !== '') assert.equal(told, reason);
      assert.doesNotMatch(JSON.stringify(body), /secret/);
      for (const [ok] of await Promise.all(good)) assert.equal(ok, 200);
    });
  }
});

test('a load request cannot bring a module', async () => {
  using folder = new RepositoryFolder();
  folder.put('m/1/model.onnx', iris);
  await using server = await startServer({
    repository: folder.path,
    args: ['--allow-processing-modules', '--model-control-mode', 'explicit'],
  });
  using client = createClient({ address: server.grpcAddress });
  const files = new Map<string, Uint8Array>([
    ['1/model.onnx', iris],
    ['processing.js', Buffer.from('export const postprocess = () => ({});')],
  ]);
  await assert.rejects(client.load('m', { config: '{}', files }), /cannot bring a processing module/);
});

test('a module that changes is taken up by the next load', async () => {
  using folder = new RepositoryFolder();
  const version = (label: string): string =>
    `export const outputs = [{ name: 'label', datatype: 'BYTES', dims: [1] }];
     export const postprocess = () => ({ label: { shape: [1, 1], data: ['${label}'] } });`;
  folder.put('m/1/model.onnx', iris);
  folder.put('m/processing.js', version('one'));
  await using server = await startServer({
    repository: folder.path,
    args: ['--allow-processing-modules', '--model-control-mode', 'explicit', '--load-model', 'm'],
  });
  using client = createClient({ address: server.grpcAddress });
  const ask = async (): Promise<string | undefined> => {
    const data = Float32Array.of(1, 2, 3, 4);
    const { outputs } = await client.infer({
      model: 'm',
      inputs: [{ name: 'features', shape: [1, 4], data }],
    });
    return texts(outputs[0]!)[0];
  };
  assert.equal(await ask(), 'one');
  folder.put('m/processing.js', version('two!'));
  await client.load('m');
  assert.equal(await ask(), 'two!');
});

test('a hanging module ends with its server, also when that is killed', { skip: noProc }, async () => {
  using folder = new RepositoryFolder();
  folder.put('m/1/model.onnx', iris);
  folder.put(
    'm/config.pbtxt',
    'parameters { key: "processing_timeout_ms" value { string_value: "600000" } }',
  );
  const pidFile = join(folder.path, 'pid');
  folder.put(
    'm/processing.mjs',
    `import { writeFileSync } from 'node:fs';
     export const preprocess = () => { writeFileSync('${pidFile}', String(process.pid)); for (;;); };`,
  );
  const server = await startServer({ repository: folder.path, args: ['--allow-processing-modules'] });
  const inputs = [{ name: 'features', datatype: 'FP32', shape: [1, 4], data: [1, 2, 3, 4] }];
  const lost = post(server, 'm', { inputs }).catch(() => undefined);
  await until(() => existsSync(pidFile) && readFileSync(pidFile, 'utf8') !== '');
  const pid = readFileSync(pidFile, 'utf8');
  process.kill(server.pid, 'SIGKILL');
  await lost;
  await until(() => !existsSync(`/proc/${pid}`));
});

/** Looks again and again, for a minute. */
async function until(condition: () => boolean): Promise<void> {
  for (const end = performance.now() + 60_000; !condition();) {
    assert.ok(performance.now() < end, 'it did not come true in a minute');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
