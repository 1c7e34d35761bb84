import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomOperator } from '../../../src/models/random-operators.ts';
import { wireMessage, type OnnxField } from '../../support/build-onnx.ts';
import { TemporaryFolder } from '../../support/temporary-folder.ts';

function node(
  operator: string,
  inputs: readonly string[] = ['x'],
  ...more: readonly OnnxField[]
): Uint8Array {
  return wireMessage(...inputs.map((name): OnnxField => [1, name]), [2, 'y'], [4, operator], ...more);
}

function graph(...nodes: readonly Uint8Array[]): Uint8Array {
  return wireMessage(...nodes.map((one): OnnxField => [1, one]), [2, 'g']);
}

const cases: readonly (readonly [string, Uint8Array, string])[] = [
  ['a plain graph', wireMessage([1, 8], [7, graph(node('Add'), node('Relu'))]), ''],
  ['a random node', wireMessage([7, graph(node('Add'), node('RandomNormalLike'))]), 'RandomNormalLike'],
  [
    'a random node of a subgraph',
    wireMessage([
      7,
      graph(node('If', ['c'], [5, wireMessage([1, 'then_branch'], [6, graph(node('Multinomial'))])])),
    ]),
    'Multinomial',
  ],
  [
    'a random node of a function',
    wireMessage([7, graph(node('Noise'))], [25, wireMessage([1, 'Noise'], [7, node('Bernoulli')])]),
    'Bernoulli',
  ],
  ['Dropout as in inference', wireMessage([7, graph(node('Dropout', ['x', 'ratio']))]), ''],
  ['Dropout that may train', wireMessage([7, graph(node('Dropout', ['x', 'ratio', 'training']))]), 'Dropout'],
];

for (const [what, model, expected] of cases) {
  test(`${what}: ${expected === '' ? 'no operator is random' : expected}`, async () => {
    using folder = new TemporaryFolder();
    assert.equal(await randomOperator(folder.write('model.onnx', model)), expected);
  });
}

test('a file that is no ONNX model is refused', async () => {
  using folder = new TemporaryFolder();
  await assert.rejects(randomOperator(folder.write('model.onnx', 'no model at all')), {
    code: 'invalid_argument',
  });
});
