import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configFromPbtxt } from '../../../src/models/config-from-pbtxt.ts';
import type { ModelConfig } from '../../../src/models/config.ts';
import { loadSequences } from '../../../src/models/load-sequences.ts';
import type { ModelSource } from '../../../src/models/model-source.ts';
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
