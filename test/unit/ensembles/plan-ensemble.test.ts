import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planEnsemble } from '../../../src/ensembles/plan-ensemble.ts';
import type { EnsembleConfig } from '../../../src/inference/ensemble.ts';
import { buildSteps, oneFloat } from '../../support/build-ensemble.ts';
import { refusalOf } from '../../support/refusal.ts';

const spec = { name: 'e', inputs: oneFloat(['in']), outputs: oneFloat(['out']) };

const scale = { model_name: 'scale', input_map: { x: 'in' }, output_map: { y: 'scaled' } };
const classify = { model_name: 'classify', input_map: { x: 'scaled' }, output_map: { y: 'out' } };

test('steps are put in the order of what they read, and know who reads what they write', () => {
  const plan = planEnsemble(spec, buildSteps([classify, scale]));
  assert.deepEqual(plan.tensors, ['in', 'out', 'scaled']);
  assert.equal(plan.inputs, 1);
  assert.deepEqual(plan.outputs, [1]);
  assert.deepEqual(
    plan.steps.map(({ model }) => model),
    ['scale', 'classify'],
  );
  assert.deepEqual(plan.steps[1]?.inputs, [{ name: 'x', tensor: 2 }]);
  assert.deepEqual(plan.readers, [[0], [], [1]]);
  assert.deepEqual(plan.writers, [-1, 1, 0]);
});

test('version -1 is the newest, and any other is itself', () => {
  const plan = planEnsemble(spec, buildSteps([{ ...scale, model_version: 7 }, classify]));
  assert.deepEqual(
    plan.steps.map(({ version }) => version),
    ['7', ''],
  );
});

const refused: readonly (readonly [string, EnsembleConfig, RegExp])[] = [
  ['no step', buildSteps([]), /ensemble_scheduling\.step: must be 1 to 256, got 0/],
  ['a step without a model', buildSteps([{ ...scale, model_name: '' }]), /step\[0\]: needs a model_name/],
  ['a step that reads nothing', buildSteps([{ ...scale, input_map: {} }]), /step\[0\]: needs an input_map/],
  ['a step that writes nothing', buildSteps([{ ...scale, output_map: {} }]), /needs an output_map/],
  ['a version below -1', buildSteps([{ ...scale, model_version: -2 }]), /model_version must be -1/],
  ['a namespace', buildSteps([{ ...scale, model_namespace: 'n' }]), /model_namespace is not supported/],
  ['a tensor without a name', buildSteps([{ ...scale, input_map: { x: '' } }]), /without a name/],
  [
    'a tensor that two steps write',
    buildSteps([scale, classify, { ...scale, model_name: 'again' }]),
    /step\[2\]\.output_map: tensor 'scaled' is written already/,
  ],
  [
    'an input that a step writes',
    buildSteps([{ ...scale, output_map: { y: 'in' } }]),
    /tensor 'in' is written already/,
  ],
  [
    'a tensor that nobody writes',
    buildSteps([{ ...classify, input_map: { x: 'ghost' } }]),
    /step\[0\]\.input_map: tensor 'ghost' is neither an input nor written by a step/,
  ],
  [
    'steps in a circle',
    buildSteps([
      { model_name: 'a', input_map: { x: 'b' }, output_map: { y: 'out' } },
      { model_name: 'b', input_map: { x: 'out' }, output_map: { y: 'b' } },
    ]),
    /steps wait for each other: 'a', 'b'/,
  ],
  [
    'a step that reads what it writes',
    buildSteps([{ model_name: 'a', input_map: { x: 'in', s: 'out' }, output_map: { y: 'out' } }]),
    /steps wait for each other: 'a'/,
  ],
  ['an output that no step writes', buildSteps([scale]), /output\[0\]: no step writes 'out'/],
  [
    'a tensor that nobody reads',
    buildSteps([scale, { ...classify, output_map: { y: 'out', z: 'rest' } }]),
    /nothing reads 'rest'/,
  ],
  [
    'a bound on requests in flight',
    { ...buildSteps([scale, classify]), max_inflight_requests: 1 },
    /not supported/,
  ],
];

for (const [what, config, text] of refused) {
  test(`${what} is refused`, () => {
    const { code, message } = refusalOf(() => planEnsemble(spec, config));
    assert.equal(code, 'invalid_argument');
    assert.match(message, /configuration of model 'e'/);
    assert.match(message, text);
  });
}

test('an input that no step reads is refused', () => {
  const wider = { ...spec, inputs: oneFloat(['in', 'idle']) };
  const { message } = refusalOf(() => planEnsemble(wider, buildSteps([scale, classify])));
  assert.match(message, /input\[1\]: nothing reads 'idle'/);
});

test('an output that is an input of the ensemble is refused', () => {
  const passing = { ...spec, outputs: oneFloat(['out', 'in']) };
  const { message } = refusalOf(() => planEnsemble(passing, buildSteps([scale, classify])));
  assert.match(message, /output\[1\]: no step writes 'in'/);
});

for (const field of ['inputs', 'outputs'] as const) {
  test(`an ensemble without ${field} is refused`, () => {
    const { message } = refusalOf(() => planEnsemble({ ...spec, [field]: [] }, buildSteps([scale])));
    assert.match(message, /must say what its/);
  });
}
