import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configFromPbtxt } from '../../../src/models/config-from-pbtxt.ts';
import type { ModelConfig } from '../../../src/models/config.ts';
import { loadSequences } from '../../../src/models/load-sequences.ts';
import type { ModelSource } from '../../../src/models/model-source.ts';
import { schedulingOf } from '../../../src/models/scheduling.ts';
import {
  completeSequences,
  sequenceScheduling,
  unsupportedSequences,
  wholeConfig,
} from '../../../src/models/sequence-config.ts';
import { buildScheduling, buildTarget } from '../../support/build-target.ts';
import { PuppetExecutor } from '../../support/puppet-executor.ts';
import { RepositoryFolder } from '../../support/repository-folder.ts';

const text = `
  max_batch_size: 4
  sequence_batching {
    control_input { name: "START" control { int32_false_true: [ 0, 7 ] } }
    control_input { name: "END" control { kind: CONTROL_SEQUENCE_END bool_false_true: [ true, false ] } }
    control_input { name: "ID" control { kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_UINT64 } }
    state {
      input_name: "s" output_name: "t" data_type: TYPE_FP32 dims: [ -1, 2 ]
      initial_state { data_type: TYPE_FP32 dims: [ 3, 2 ] data_file: "start" }
    }
  }`;

function read(more = '', given = text): ModelConfig {
  const config = configFromPbtxt(given + more, 'm');
  return { ...config, ...completeSequences(config) };
}

function sourceIn(folder: RepositoryFolder): ModelSource {
  return { name: 'm', root: folder.path, folder: folder.path, configText: undefined, versions: new Map() };
}

function model(instances = 1) {
  const executors = Array.from({ length: instances }, () => new PuppetExecutor());
  return buildTarget(executors, { spec: { maxBatchSize: 4 } });
}

test('controls, states and limits come from the configuration', async () => {
  using folder = new RepositoryFolder();
  folder.put('initial_state/start', new Uint8Array(24).fill(5));
  const plan = await loadSequences(read(), sourceIn(folder), model(2), '');
  assert.deepEqual(
    [plan.strategy, plan.slots, plan.idleMs, plan.maxSequences, plan.maxStateBytes],
    ['direct', 8, 1000, 1024, 64 << 20],
  );
  assert.deepEqual(
    plan.controls.map(({ kind, name, datatype, off, on }) => [kind, name, datatype, [...off], [...on]]),
    [
      ['start', 'START', 'INT32', [0, 0, 0, 0], [7, 0, 0, 0]],
      ['end', 'END', 'BOOL', [1], [0]],
      ['corrid', 'ID', 'UINT64', [], []],
    ],
  );
  const [state] = plan.states;
  assert.deepEqual([state?.input, state?.output, state?.initialShape], ['s', 't', [3, 2]]);
  assert.deepEqual(state?.initial, Buffer.alloc(24, 5));
});

test('an initial state of another size than its dims is refused', async () => {
  using folder = new RepositoryFolder();
  folder.put('initial_state/start', new Uint8Array(20));
  const refusal = await loadSequences(read(), sourceIn(folder), model(), '').catch((error: unknown) => error);
  assert.match(String(refusal), /its data_file has 20 bytes, and the state takes 24/);
});

test('a state that alone is larger than all may be is refused', async () => {
  using folder = new RepositoryFolder();
  const config = read(' parameters { key: "max_state_bytes" value { string_value: "23" } }');
  const refusal = await loadSequences(config, sourceIn(folder), model(), '').catch((error: unknown) => error);
  assert.match(String(refusal), /one sequence takes more than max_state_bytes 23/);
});

test('slots are no rows where rows influence each other', async () => {
  using folder = new RepositoryFolder();
  folder.put('initial_state/start', new Uint8Array(24));
  const plan = await loadSequences(read(), sourceIn(folder), model(), 'rows differ');
  assert.equal(plan.strategy, 'oldest');
});

test('the model itself takes what clients send, controls and states', () => {
  const { input, output } = wholeConfig(
    read(' input { name: "x" } output { name: "t" data_type: TYPE_FP32 }'),
    { inputs: [], outputs: [] },
  );
  assert.deepEqual(
    input.map(({ name, data_type: type, dims }) => [name, type, dims]),
    [
      ['x', 'TYPE_INVALID', []],
      ['START', 'TYPE_INT32', [1]],
      ['END', 'TYPE_BOOL', [1]],
      ['ID', 'TYPE_UINT64', [1]],
      ['s', 'TYPE_FP32', [-1, 2]],
    ],
  );
  assert.deepEqual(
    output.map(({ name }) => name),
    ['t'],
  );
});

test('the oldest strategy batches as dynamic batching does, the direct one never', () => {
  const oldest =
    'max_batch_size: 4 sequence_batching { oldest { max_candidate_sequences: 3 preferred_batch_size: 2 max_queue_delay_microseconds: 9 } }';
  const of = (config: ModelConfig) => {
    const { dynamicBatching, preferredBatchSizes, maxQueueDelayMicroseconds } = sequenceScheduling(
      config,
      buildScheduling({ dynamicBatching: false }),
    );
    return [dynamicBatching, preferredBatchSizes, maxQueueDelayMicroseconds];
  };
  assert.deepEqual(of(read('', oldest)), [true, [2], 9]);
  assert.deepEqual(of(read()), [false, [], 0]);
  assert.equal(unsupportedSequences(read()), undefined);
});

const iterative = `max_batch_size: 4 input { name: "token" data_type: TYPE_INT64 dims: 1 } output { name: "y" data_type: TYPE_FP32 }
  sequence_batching { iterative_sequence: true
    state { input_name: "token" output_name: "next" data_type: TYPE_INT64 dims: 1 }
    state { input_name: "hidden" output_name: "next_hidden" data_type: TYPE_FP32 dims: 2 } }
  model_transaction_policy { decoupled: true }
  parameters { key: "stop_output" value { string_value: "end" } }
  parameters { key: "emit_output" value { string_value: "say" } }
  parameters { key: "max_steps" value { string_value: "7" } }`;

test('a model of many steps is told by its flags, and its steps share batches', async () => {
  using folder = new RepositoryFolder();
  const config = configFromPbtxt(iterative, 'm');
  const { iteration, strategy } = await loadSequences(config, sourceIn(folder), model(), '');
  assert.deepEqual(iteration, {
    maxSteps: 7,
    stopOutput: 'end',
    emitOutput: 'say',
    sentStates: new Set(['token']),
  });
  assert.equal(strategy, 'oldest');
  const { dynamicBatching, stepwise } = sequenceScheduling(config, schedulingOf(config));
  assert.deepEqual([dynamicBatching, stepwise], [true, true]);
});

test('flags may have one element for each row in a dimension of their own or in none', () => {
  const tensor = (name: string, shape: readonly number[]) => ({ name, datatype: 'BOOL' as const, shape });
  const outputs = [tensor('end', [-1]), tensor('say', [-1, 1])];
  const { input, output } = wholeConfig(configFromPbtxt(iterative, 'm'), { inputs: [], outputs });
  assert.deepEqual(
    input.map(({ name }) => name),
    ['token', 'hidden'],
  );
  assert.deepEqual(
    output.map(({ name, data_type: type, reshape }) => [name, type, reshape?.shape]),
    [
      ['y', 'TYPE_FP32', undefined],
      ['next', 'TYPE_INT64', undefined],
      ['next_hidden', 'TYPE_FP32', undefined],
      ['end', 'TYPE_BOOL', []],
      ['say', 'TYPE_BOOL', undefined],
    ],
  );
});
