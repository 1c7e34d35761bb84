import assert from 'node:assert/strict';
import { test } from 'node:test';
import { problemOf } from '../../../src/ensembles/check-models.ts';
import { planEnsemble } from '../../../src/ensembles/plan-ensemble.ts';
import type { ModelSpec, TensorSpec } from '../../../src/inference/model-spec.ts';
import type { ModelRoutes } from '../../../src/inference/routing-table.ts';
import { buildSteps, oneFloat } from '../../support/build-ensemble.ts';
import { buildSpec, buildTarget, buildTensorSpec } from '../../support/build-target.ts';

const steps = buildSteps([
  { model_name: 'first', input_map: { x: 'in' }, output_map: { y: 'middle' } },
  { model_name: 'second', model_version: 3, input_map: { x: 'middle' }, output_map: { y: 'out' } },
]);

interface Parts {
  readonly ensemble?: Partial<ModelSpec>;
  readonly first?: Partial<ModelSpec>;
  readonly second?: Partial<ModelSpec>;
  readonly rowIndependent?: boolean;
  readonly without?: 'first' | 'second';
}

function problem(parts: Parts): string {
  const spec = buildSpec({
    name: 'e',
    inputs: oneFloat(['in']),
    outputs: oneFloat(['out']),
    ...parts.ensemble,
  });
  const routes = new Map<string, ModelRoutes>();
  for (const name of ['first', 'second'] as const) {
    if (name === parts.without) continue;
    const target = buildTarget([], {
      spec: { name, version: '3', inputs: oneFloat(['x']), outputs: oneFloat(['y']), ...parts[name] },
      scheduling: { rowIndependent: parts.rowIndependent ?? false },
    });
    const { version } = target.spec;
    routes.set(name, { newest: target, ready: new Map([[version, target]]), absent: new Map() });
  }
  return problemOf({ spec, ensemble: planEnsemble(spec, steps) }, routes);
}

function inputs(...own: readonly Partial<TensorSpec>[]): readonly TensorSpec[] {
  return own.map((overrides) => buildTensorSpec('x', { dims: [1], ...overrides }));
}

const fitting: readonly (readonly [string, Parts])[] = [
  ['models that agree', {}],
  ['sizes that are known only when a request comes', { first: { outputs: oneFloat(['y'], { dims: [-1] }) } }],
  [
    'a model without a batch dimension that takes whole shapes',
    { first: { maxBatchSize: 0, inputs: inputs({ dims: [-1, 1] }) } },
  ],
  ['a model without a batch dimension that takes single rows', { second: { maxBatchSize: 0 } }],
  [
    'an optional input that is left out',
    { second: { inputs: [...inputs({}), buildTensorSpec('z', { optional: true })] } },
  ],
  ['a smaller model whose requests may be split', { second: { maxBatchSize: 4 }, rowIndependent: true }],
];

for (const [what, parts] of fitting) {
  test(`an ensemble can be run with ${what}`, () => {
    assert.equal(problem(parts), '');
  });
}

const problems: readonly (readonly [string, Parts, RegExp])[] = [
  ['a model that is not there', { without: 'first' }, /^needs model 'first', which is not ready$/],
  ['a version that is not there', { second: { version: '4' } }, /needs version 3 of model 'second'/],
  [
    'a smaller batch',
    { first: { maxBatchSize: 4 } },
    /max_batch_size is 8, but model 'first' takes at most 4/,
  ],
  ['a decoupled model', { first: { decoupled: true } }, /model 'first' is decoupled/],
  [
    'an unknown input',
    { first: { inputs: oneFloat(['other'], { optional: true }) } },
    /model 'first' has no input 'x'/,
  ],
  ['an unknown output', { first: { outputs: oneFloat(['other']) } }, /model 'first' has no output 'y'/],
  [
    'an input that is not mapped',
    { first: { inputs: oneFloat(['x', 'z']) } },
    /input 'z' of model 'first' is not in the step's input_map/,
  ],
  [
    'another datatype between steps',
    { second: { inputs: inputs({ datatype: 'INT64' }) } },
    /tensor 'middle' is FP32 as output 'y' of model 'first', but INT64 as input 'x' of version 3 of model 'second'/,
  ],
  [
    'another datatype at the beginning',
    { ensemble: { inputs: oneFloat(['in'], { datatype: 'BYTES' }) } },
    /tensor 'in' is BYTES as input of the ensemble/,
  ],
  [
    'another shape between steps',
    { second: { inputs: inputs({ dims: [2] }) } },
    /tensor 'middle' is \[-1,1\] as output .* but \[-1,2\] as input/,
  ],
  [
    'another shape at the end',
    { ensemble: { outputs: oneFloat(['out'], { dims: [1, 1, 1] }) } },
    /tensor 'out' .* as output of the ensemble/,
  ],
  [
    'an input that only the ensemble finds optional',
    { ensemble: { inputs: oneFloat(['in'], { optional: true }) } },
    /'in' is an optional input of the ensemble, but not input 'x' of model 'first'/,
  ],
];

for (const [what, parts, text] of problems) {
  test(`an ensemble cannot be run with ${what}`, () => {
    assert.match(problem(parts), text);
  });
}

test('a step without a version is told how to ask for the newest', () => {
  const spec = buildSpec({ name: 'e', inputs: oneFloat(['in']), outputs: oneFloat(['out']) });
  const config = buildSteps([
    { model_name: 'm', model_version: 0, input_map: { x: 'in' }, output_map: { y: 'out' } },
  ]);
  assert.equal(
    problemOf({ spec, ensemble: planEnsemble(spec, config) }, new Map()),
    "needs version 0 of model 'm', which is not ready (model_version: -1 is the newest)",
  );
});
