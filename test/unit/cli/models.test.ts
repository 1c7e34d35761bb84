import assert from 'node:assert/strict';
import { test } from 'node:test';
import { run } from '../../../src/cli/run.ts';
import { FakeInferenceServer } from '../../support/fake-inference-server.ts';
import { FakeTerminal } from '../../support/fake-terminal.ts';
import { TemporaryFolder } from '../../support/temporary-folder.ts';

const timed = { count: 2, ns: 4_000_000 };
const answers = {
  RepositoryIndex: () => ({
    models: [
      { name: 'iris', version: '1', state: 'READY' },
      { name: 'broken', version: '1', state: 'UNAVAILABLE', reason: 'bad\u001b[31m file' },
      { name: 'cold' },
    ],
  }),
  RepositoryModelLoad: () => ({}),
  RepositoryModelUnload: () => ({}),
  ModelMetadata: () => ({
    name: 'iris',
    versions: ['1'],
    platform: 'onnxruntime_onnx',
    inputs: [{ name: 'features', datatype: 'FP32', shape: [-1, 4] }],
    outputs: [{ name: 'label', datatype: 'INT64', shape: [-1] }],
  }),
  ModelConfig: () => ({
    config: {
      max_batch_size: 64,
      dynamic_batching: { preferred_batch_size: [8], max_queue_delay_microseconds: 100 },
      instance_group: [{ kind: 'KIND_CPU', count: 1 }],
    },
  }),
  ModelStatistics: () => ({
    model_stats: [
      {
        name: 'iris',
        version: '1',
        inference_count: 8,
        execution_count: 2,
        inference_stats: { success: timed, queue: timed },
        batch_stats: [{ batch_size: 4, compute_infer: timed }],
      },
    ],
  }),
};

async function models(
  ...args: string[]
): Promise<{ code: number; terminal: FakeTerminal; server: FakeInferenceServer }> {
  await using server = await FakeInferenceServer.start(answers);
  const terminal = new FakeTerminal({ TENSORGATE_ADDRESS: server.address });
  return { code: await run(['models', ...args], terminal), terminal, server };
}

test('list shows every model with its state, control characters made visible', async () => {
  const { code, terminal } = await models('list');
  assert.equal(code, 0);
  const lines = terminal.out
    .trimEnd()
    .split('\n')
    .map((line) => line.split(/ {2,}/));
  assert.deepEqual(lines, [
    ['model', 'version', 'state', 'reason'],
    ['iris', '1', 'READY'],
    ['broken', '1', 'UNAVAILABLE', String.raw`bad\x1b[31m file`],
    ['cold', '-', 'not loaded'],
  ]);
});

test('list --json prints the index', async () => {
  const { terminal } = await models('list', '--json');
  assert.equal(JSON.parse(terminal.out).length, 3);
});

test('inspect shows tensors, scheduling and statistics', async () => {
  const { terminal } = await models('inspect', 'iris');
  assert.match(terminal.out, /^iris, version 1, onnxruntime_onnx\n/);
  assert.match(terminal.out, /input +features +FP32 +\[-1, 4\]/);
  assert.match(
    terminal.out,
    /batches of up to 64 rows\nrequests share batches, waiting up to 100 us, preferably of 8 rows\n1 instance on CPU/,
  );
  assert.match(terminal.out, /version 1: 8 rows in 2 batches \(4\.00 rows each\)/);
  assert.match(terminal.out, /queue +2 {2}2\.000 ms/);
  assert.match(terminal.out, /batch {2}times +mean\n +4 +2 {2}2\.000 ms/);
});

test('load sends the configuration of the file and says what is ready', async () => {
  using folder = new TemporaryFolder();
  const config = folder.write('c.json', '{"max_batch_size": 4}');
  const { terminal, server } = await models('load', 'iris', '--config', config);
  assert.equal(terminal.out, 'iris is ready, version 1\n');
  const request = server.seen.find(({ rpc }) => rpc === 'RepositoryModelLoad')?.request;
  const parameters = request?.['parameters'] as Record<string, Record<string, unknown>>;
  assert.equal(parameters['config']?.['string_param'], '{"max_batch_size": 4}');
});

test('unload names the model', async () => {
  const { terminal, server } = await models('unload', 'iris', '--dependents');
  assert.equal(terminal.out, 'iris is unloaded\n');
  assert.equal(server.seen[0]?.request['model_name'], 'iris');
});

test('an action that is missing, unknown or without its model is a usage error', async () => {
  assert.equal((await models()).code, 2);
  assert.match((await models('lits')).terminal.error, /did you mean list\?/);
  assert.match((await models('load')).terminal.error, /which model\?/);
});
