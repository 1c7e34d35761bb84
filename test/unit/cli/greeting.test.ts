import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createGreeting, renderGreeting } from '../../../src/cli/greeting.ts';
import type { ModelCatalog, ModelConfigMessage, ModelMetadata } from '../../../src/inference/catalog.ts';
import { fakeCatalog } from '../../support/fake-catalog.ts';

function model(name: string, ...inputs: readonly (readonly [string, string, number[]])[]): ModelMetadata {
  const tensors = inputs.map(([input, datatype, shape]) => ({ name: input, datatype, shape }));
  return { name, versions: ['1'], platform: 'onnx', inputs: tensors, outputs: [] };
}

const iris = model('iris', ['features', 'FP32', [-1, 2]]);
const image = model('image', ['pixels', 'FP32', [-1, 3, 224, 224]]);
const options = { address: '127.0.0.1:9000', secure: false, command: 'npx tensorgate' };

test('the examples are for the model with the smallest input', () => {
  const { examples } = createGreeting(fakeCatalog([image, iris]), options);
  assert.deepEqual(examples, [
    "npx tensorgate infer iris --input 'features=[[1,1]]' --address 127.0.0.1:9000",
    `grpcurl -plaintext -d '{"model_name":"iris","inputs":[{"name":"features","datatype":"FP32","shape":[1,2],"contents":{"fp32_contents":[1,1]}}]}' 127.0.0.1:9000 inference.GRPCInferenceService/ModelInfer`,
  ]);
});

test('the default address is left out, TLS is not', () => {
  const { examples } = createGreeting(fakeCatalog([iris]), {
    ...options,
    address: '127.0.0.1:8001',
    secure: true,
  });
  assert.equal(examples[0], "npx tensorgate infer iris --input 'features=[[1,1]]' --tls");
  assert.doesNotMatch(examples[1] ?? '', /plaintext/);
});

test('texts are quoted for the shell and base64 for grpcurl', () => {
  const { examples } = createGreeting(fakeCatalog([model("o'clock", ['t', 'BYTES', [1]])]), options);
  assert.match(examples[0] ?? '', /infer 'o'\\''clock' --input 't=\["text"\]'/);
  assert.match(examples[1] ?? '', /"bytes_contents":\["dGV4dA=="\]/);
});

test('without a ready model, or only with large ones, there are no examples', () => {
  assert.deepEqual(createGreeting(fakeCatalog([image]), options).examples, []);
  const cold = { name: 'cold', version: '', state: '', reason: '' } as const;
  const greeting = createGreeting(fakeCatalog([], [cold]), options);
  assert.deepEqual(greeting.models, [{ name: 'cold', version: '', state: 'not loaded' }]);
  assert.match(renderGreeting(greeting), /cold +- +not loaded/);
});

test('models that do not answer a request that stands alone are no examples', () => {
  const small = model('small', ['x', 'FP32', [-1, 1]]);
  const configs: readonly (readonly [config: ModelConfigMessage, chosen: RegExp])[] = [
    [{ model_transaction_policy: { decoupled: true } }, /infer iris/],
    [{ sequence_batching: { iterative_sequence: false } }, /infer iris/],
    [{ sequence_batching: { iterative_sequence: true } }, /infer small/],
    [{ model_transaction_policy: { decoupled: false } }, /infer small/],
  ];
  for (const [config, chosen] of configs) {
    const catalog: ModelCatalog = {
      ...fakeCatalog([iris, small]),
      config: (name) => (name === 'small' ? config : {}),
    };
    assert.match(createGreeting(catalog, options).examples[0] ?? '', chosen);
  }
});
