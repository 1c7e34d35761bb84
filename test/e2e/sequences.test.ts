import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { RepositoryFolder } from '../support/repository-folder.ts';
import { runChecks, runPython } from '../support/run-python.ts';
import { startServer } from '../support/start-server.ts';
import { findPython, findRealModel, skipUnless } from '../support/tools.ts';

const controls = `
  control_input { name: "START" control { kind: CONTROL_SEQUENCE_START int32_false_true: [ 0, 1 ] } }
  control_input { name: "END" control { kind: CONTROL_SEQUENCE_END fp32_false_true: [ 0, 1 ] } }
  control_input { name: "READY" control { kind: CONTROL_SEQUENCE_READY bool_false_true: [ false, true ] } }
  control_input { name: "CORRID" control { kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_STRING } }
  state {
    input_name: "sum" output_name: "total" data_type: TYPE_FP32 dims: [ 1 ]
    initial_state { name: "ten" data_type: TYPE_FP32 dims: [ 1 ] data_file: "ten" }
  }`;

function sumConfig(strategy: string): string {
  return `max_batch_size: 4 sequence_batching { max_sequence_idle_microseconds: 60000000 ${strategy} ${controls} }`;
}

const sileroConfig = `sequence_batching {
  max_sequence_idle_microseconds: 60000000
  oldest { max_candidate_sequences: 2 }
  state { input_name: "state" output_name: "stateN" data_type: TYPE_FP32 dims: [ 2, 1, 128 ] }
}`;

const silero = findRealModel('silero_vad.onnx');
const skip = skipUnless(findPython(), silero);
const tooFew = availableParallelism() < 2 ? 'needs two cores' : skip;

async function fill(folder: RepositoryFolder): Promise<void> {
  const ten = new Uint8Array(new Float32Array([10]).buffer);
  const file = join(folder.path, 'oldest', '1', 'model.onnx');
  folder.put('oldest/config.pbtxt', sumConfig('oldest { max_candidate_sequences: 6 }'));
  folder.put(
    'direct/config.pbtxt',
    sumConfig('direct { } ').concat(' instance_group { count: 2 kind: KIND_CPU }'),
  );
  folder.put('silero/config.pbtxt', sileroConfig);
  for (const model of ['oldest', 'direct']) folder.put(`${model}/initial_state/ten`, ten);
  for (const model of ['oldest', 'direct', 'silero']) mkdirSync(join(folder.path, model, '1'));
  await runPython('make_sequence_models.py', [file]);
  folder.put('direct/1/model.onnx', readFileSync(file));
  copyFileSync(silero.path, join(folder.path, 'silero', '1', 'model.onnx'));
}

test('sequences, as tritonclient sends them', { skip }, async (t) => {
  using folder = new RepositoryFolder();
  await fill(folder);
  const loads = ['oldest', 'direct', 'silero'].flatMap((model) => ['--load-model', model]);
  await using server = await startServer({
    repository: folder.path,
    args: ['--model-control-mode', 'explicit', ...loads],
  });
  await runChecks(t, 'sequence_checks.py', [server.grpcAddress, server.httpAddress, silero.path]);
});

test(
  'on I/O threads a model with sequences is not loaded, and the log says why',
  { skip: tooFew },
  async () => {
    using folder = new RepositoryFolder();
    await fill(folder);
    await using server = await startServer({ repository: folder.path, args: ['--io-threads', '2'] });
    await server.printed(/sequence_batching: needs --io-threads 1/);
  },
);
