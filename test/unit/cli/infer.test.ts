import assert from 'node:assert/strict';
import { test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { encodeElements } from '../../../src/client/tensor-data.ts';
import { run } from '../../../src/cli/run.ts';
import { FakeInferenceServer, FakeStatus } from '../../support/fake-inference-server.ts';
import { FakeTerminal } from '../../support/fake-terminal.ts';

const iris = {
  ModelMetadata: () => ({
    name: 'iris',
    versions: ['1'],
    platform: 'onnxruntime_onnx',
    inputs: [{ name: 'features', datatype: 'FP32', shape: [-1, 4] }],
    outputs: [
      { name: 'label', datatype: 'INT64', shape: [-1, 1] },
      { name: 'probability', datatype: 'FP32', shape: [-1, 3] },
    ],
  }),
  ModelConfig: () => ({
    config: {
      output: [
        { name: 'label', data_type: 'TYPE_INT64' },
        { name: 'probability', data_type: 'TYPE_FP32' },
      ],
    },
  }),
  ModelInfer: () => ({
    model_name: 'iris',
    model_version: '1',
    outputs: [
      { name: 'label', datatype: 'INT64', shape: [1, 1] },
      { name: 'probability', datatype: 'FP32', shape: [1, 3] },
    ],
    raw_output_contents: [encodeElements('INT64', [2]), encodeElements('FP32', [0.25, 0.5, 0.25])],
  }),
};

async function infer(
  answers: Parameters<typeof FakeInferenceServer.start>[0],
  ...args: string[]
): Promise<{ code: number; terminal: FakeTerminal; server: FakeInferenceServer }> {
  await using server = await FakeInferenceServer.start(answers);
  const terminal = new FakeTerminal({ TENSORGATE_ADDRESS: server.address });
  const code = await run(['infer', ...args], terminal);
  return { code, terminal, server };
}

test('the answer is shown as one table per output, and how long it took', async () => {
  const { code, terminal } = await infer(iris, 'iris', '--input', '[1,2,3,4]');
  assert.equal(terminal.error, '');
  assert.equal(code, 0);
  assert.match(terminal.out, /^iris, version 1\n\nlabel {2}INT64 \[1, 1\]\nrow {2}value\n {2}0 {6}2\n/);
  assert.match(terminal.out, /probability {2}FP32 \[1, 3\]\nrow +0 +1 +2\n +0 +0\.25 +0\.5 +0\.25\n/);
  assert.match(terminal.out, /\d ms round trip\n$/);
});

test('--json prints the answer in the form of the protocol and nothing else', async () => {
  const { terminal } = await infer(iris, 'iris', '-i', '[1,2,3,4]', '--json');
  assert.deepEqual(JSON.parse(terminal.out), {
    model_name: 'iris',
    model_version: '1',
    outputs: [
      { name: 'label', datatype: 'INT64', shape: [1, 1], data: [2] },
      { name: 'probability', datatype: 'FP32', shape: [1, 3], data: [0.25, 0.5, 0.25] },
    ],
  });
});

test('outputs with labels are shown as classes, best first', async () => {
  const labelled = {
    ...iris,
    ModelConfig: () => ({
      config: { output: [{ name: 'probability', data_type: 'TYPE_FP32', label_filename: 'labels.txt' }] },
    }),
    ModelInfer: () => ({
      model_name: 'iris',
      model_version: '1',
      outputs: [{ name: 'probability', datatype: 'BYTES', shape: [1, 2] }],
      raw_output_contents: [encodeElements('BYTES', ['0.500000:1:versicolor', '0.250000:0:setosa: small'])],
    }),
  };
  const { terminal, server } = await infer(labelled, 'iris', '-i', '[1,2,3,4]');
  assert.match(
    terminal.out,
    /row {2}class {2}label +score\n +0 +1 {2}versicolor +0\.500000\n +0 +0 {2}setosa: small +0\.250000\n/,
  );
  const request = server.seen.find(({ rpc }) => rpc === 'ModelInfer')?.request;
  const wanted = request?.['outputs'] as {
    name: string;
    parameters: Record<string, { int64_param: string }>;
  }[];
  assert.deepEqual(
    wanted.map(({ name, parameters }) => [name, parameters['classification']?.int64_param]),
    [
      ['label', undefined],
      ['probability', '3'],
    ],
  );
});

test('flags become parts of the request', async () => {
  const flags = ['-i', '[1,2,3,4]', '--version', '1', '--id', 'q', '-o', 'label', '--no-classes'];
  const parameterFlags = ['--parameter', 'priority=2', '--parameter', 'flag=true', '--parameter', 'word=x=y'];
  const { server } = await infer(iris, 'iris', ...flags, ...parameterFlags);
  const request = server.seen.find(({ rpc }) => rpc === 'ModelInfer')?.request;
  assert.equal(request?.['model_version'], '1');
  assert.equal(request?.['id'], 'q');
  const parameters = request?.['parameters'] as Record<string, Record<string, unknown>>;
  assert.equal(parameters['priority']?.['int64_param'], '2');
  assert.equal(parameters['flag']?.['bool_param'], true);
  assert.equal(parameters['word']?.['string_param'], 'x=y');
  assert.deepEqual(request?.['outputs'], [{ name: 'label', parameters: {} }]);
});

test('--repeat sends it again and again and prints the distribution', async () => {
  const { terminal, server } = await infer(iris, 'iris', '-i', '[1,2,3,4]', '--repeat', '3');
  assert.equal(server.seen.filter(({ rpc }) => rpc === 'ModelInfer').length, 3);
  assert.match(terminal.out, /3 calls, one after the other: p50 .* per second\n$/);
});

test("the server's refusal is printed and exits with 1", async () => {
  const missing = {
    ModelMetadata: () => {
      throw new FakeStatus(status.NOT_FOUND, "Request for unknown model: 'iris' is not found");
    },
  };
  const { code, terminal } = await infer(missing, 'iris', '-i', '[1]');
  assert.equal(code, 1);
  assert.equal(terminal.error, "tensorgate: Request for unknown model: 'iris' is not found\n");
});

test('a server without model configurations can still be asked', async () => {
  const { ModelMetadata, ModelInfer } = iris;
  const { code } = await infer({ ModelMetadata, ModelInfer }, 'iris', '-i', '[1,2,3,4]');
  assert.equal(code, 0);
});

for (const [what, args, expected] of [
  ['no model', [], /which model\?/],
  ['no input', ['iris'], /--input is missing/],
  ['a wrong number', ['iris', '-i', '[1]', '--repeat', 'often'], /--repeat must be a whole number from 1/],
  ['an unknown flag', ['iris', '--inptu', '[1]'], /unknown flag --inptu \(did you mean --input\?\)/],
  ['too many arguments', ['iris', 'digits', '-i', '[1]'], /unexpected argument digits/],
  ['half a key pair', ['iris', '-i', '[1]', '--tls-cert', import.meta.filename], /go together/],
] as const) {
  test(`${what} is a usage error`, async () => {
    const terminal = new FakeTerminal();
    assert.equal(await run(['infer', ...args], terminal), 2);
    assert.match(terminal.error, expected);
  });
}

test('--stream shows every answer, and how long the first and the last took', async () => {
  const answers = [1, 2].map((value) => ({
    infer_response: {
      model_name: 'iris',
      model_version: '1',
      outputs: [{ name: 'label', datatype: 'INT64', shape: [1, 1] }],
      raw_output_contents: [encodeElements('INT64', [value])],
    },
  }));
  const stream = { ...iris, ModelStreamInfer: () => answers };
  const { code, terminal } = await infer(stream, 'iris', '-i', '[1,2,3,4]', '--stream');
  assert.equal(terminal.error, '');
  assert.equal(code, 0);
  const table = (value: number): string => `label  INT64 \\[1, 1\\]\nrow  value\n +0 +${value}\n`;
  assert.match(terminal.out, new RegExp(`^iris, version 1\n\n${table(1)}\n${table(2)}`));
  assert.match(terminal.out, /2 answers, the first after [\d.]+ ms, the last after [\d.]+ ms\n$/);
  const json = await infer(stream, 'iris', '-i', '[1,2,3,4]', '--stream', '--json');
  assert.equal(json.terminal.out.trim().split('\n').length, 2);
});

test('--stream tells of a failure, and stands beside no --repeat', async () => {
  const failing = { ...iris, ModelStreamInfer: () => ({ error_message: 'too many steps' }) };
  const failed = await infer(failing, 'iris', '-i', '[1,2,3,4]', '--stream');
  assert.notEqual(failed.code, 0);
  assert.match(failed.terminal.error, /too many steps/);
  const wrong = await infer(iris, 'iris', '-i', '[1,2,3,4]', '--stream', '--repeat', '2');
  assert.match(wrong.terminal.error, /--repeat cannot stand beside --stream/);
});
