import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createClient, type Client } from '../../src/client/client.ts';
import { fixtureModel } from '../support/build-batch.ts';
import { RepositoryFolder } from '../support/repository-folder.ts';
import { startServer, type RunningServer } from '../support/start-server.ts';

const examples = join(import.meta.dirname, '..', '..', 'examples', 'models');

const rich = `
platform: "onnxruntime_onnx"
max_batch_size: 8
version_policy { specific { versions: [ 2, 5 ] } }
input { name: "x" data_type: TYPE_FP32 format: FORMAT_NONE dims: [ 2, 2 ] reshape { shape: [ 4 ] } }
output { name: "y" data_type: TYPE_FP32 dims: [ -1 ] label_filename: "labels.txt" }
instance_group [ { count: 2 }, { name: "second" kind: KIND_CPU } ]
optimization { graph { level: 1 } }
dynamic_batching {
  preferred_batch_size: [ 4, 8 ]
  max_queue_delay_microseconds: 250
  priority_levels: 2
  default_priority_level: 2
  default_queue_policy { timeout_action: DELAY default_timeout_microseconds: 1000000 max_queue_size: 7 }
  priority_queue_policy { key: 1 value { max_queue_size: 3 } }
}
parameters { key: "intra_op_thread_count" value { string_value: "1" } }
parameters { key: "execution_mode" value { string_value: "0" } }
metric_tags { key: "team" value: "vision" }
model_warmup { name: "w" batch_size: 2 inputs { key: "x" value { data_type: TYPE_FP32 dims: [ 2, 2 ] zero_data: true } } }
`;

describe('ModelConfig and ModelMetadata of a running server', { timeout: 240_000 }, () => {
  const folder = new RepositoryFolder();
  let server: RunningServer;
  let client: Client;
  before(async () => {
    const identity = readFileSync(fixtureModel('identity_fp32'));
    for (const version of ['2', '5', '9']) folder.put(`rich/${version}/model.onnx`, identity);
    folder.put('rich/config.pbtxt', rich);
    folder.put('rich/labels.txt', 'a\nb\nc\nd\n');
    server = await startServer({ repository: [examples, folder.path] });
    client = createClient({ address: server.grpcAddress });
  });
  after(async () => {
    client[Symbol.dispose]();
    folder[Symbol.dispose]();
    await server[Symbol.asyncDispose]();
  });

  test('scalars, lists, enums, maps and choices of a configuration reach the client', async () => {
    const config = await client.config('rich');
    assert.equal(config['name'], 'rich');
    assert.equal(config['backend'], 'onnxruntime');
    assert.equal(config['max_batch_size'], 8);
    assert.deepEqual(config['version_policy'], {
      specific: { versions: ['2', '5'] },
      policy_choice: 'specific',
    });
    assert.equal(config['scheduling_choice'], 'dynamic_batching');
    assert.deepEqual(config['metric_tags'], { team: 'vision' });
    assert.deepEqual(config['parameters'], {
      intra_op_thread_count: { string_value: '1' },
      execution_mode: { string_value: '0' },
    });
    const text = JSON.stringify(config);
    for (const part of [
      '"dims":["2","2"],',
      '"reshape":{"shape":["4"]}',
      '"label_filename":"labels.txt"',
      '"name":"rich_0","count":2,"kind":"KIND_CPU"',
      '"name":"second","count":1,"kind":"KIND_CPU"',
      '"graph":{"level":1}',
      '"preferred_batch_size":[4,8]',
      '"max_queue_delay_microseconds":"250"',
      '"timeout_action":"DELAY","default_timeout_microseconds":"1000000"',
      '"max_queue_size":3',
      '"zero_data":true',
    ]) {
      assert.ok(text.includes(part), `${part} is not in ${text}`);
    }
  });

  test('metadata shows the newest version that the policy chose, and what clients send', async () => {
    const metadata = await client.metadata('rich');
    assert.deepEqual(metadata, {
      name: 'rich',
      versions: ['2', '5'],
      platform: 'onnxruntime_onnx',
      inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2, 2] }],
      outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, -1] }],
    });
    await assert.rejects(client.metadata('rich', '9'), {
      code: 'not_found',
      message: "Request for unknown model: 'rich' version 9 is not found",
    });
  });

  test('a reshape, labels and the configured warm-up hold for inference', async () => {
    const { version, outputs } = await client.infer({
      model: 'rich',
      inputs: [{ name: 'x', shape: [1, 2, 2], data: Float32Array.of(1, 2, 9, 4) }],
      outputs: [{ name: 'y', classification: 1 }],
    });
    const [best] = outputs[0]?.data ?? [];
    assert.ok(best instanceof Uint8Array);
    assert.deepEqual([version, Buffer.from(best).toString()], ['5', '9.000000:2:c']);
    const [statistics] = await client.statistics('rich', '5');
    assert.deepEqual([statistics?.inferenceCount, statistics?.executionCount], [1, 1]);
  });

  test('every model of the examples has a complete configuration', async () => {
    for (const { name } of (await client.index('ready')).filter((entry) => entry.name !== 'rich')) {
      const config = await client.config(name);
      const { inputs, outputs } = await client.metadata(name);
      const ensemble = name === 'read_digit';
      const byRequest = name === 'draw_digit' ? 'sequence_batching' : 'dynamic_batching';
      assert.equal(config['platform'], ensemble ? 'ensemble' : 'onnxruntime_onnx');
      const scheduling = ensemble ? 'ensemble_scheduling' : byRequest;
      assert.equal(config['scheduling_choice'], scheduling, name);
      assert.ok(inputs.length > 0 && outputs.length > 0);
      assert.match(JSON.stringify(config['input']), /"dims":\["\d+"/);
    }
  });
});
