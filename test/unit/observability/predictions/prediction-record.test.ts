import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Feature } from '../../../../src/inference/features.ts';
import type { ModelPlan } from '../../../../src/observability/predictions/plan.ts';
import {
  compilePlan,
  recordsOf,
  type Answered,
  type PredictionRecord,
} from '../../../../src/observability/predictions/prediction-record.ts';
import { Pseudonyms } from '../../../../src/observability/predictions/pseudonyms.ts';
import { buildAnswered, buildModelPlan } from '../../../support/build-answered.ts';
import { buildRequest, byteElements } from '../../../support/build-request.ts';
import { buildSpec, buildTensorSpec } from '../../../support/build-target.ts';

const pseudonyms = new Pseudonyms(Buffer.from('k'.repeat(32)), 86_400_000);

function records(answered: Answered): Promise<readonly PredictionRecord[]> {
  return recordsOf(answered, compilePlan(answered.plan, answered.spec), pseudonyms);
}

function feature(name: string): Feature {
  return {
    name,
    description: '',
    type: 'number',
    input: 'x',
    min: undefined,
    max: undefined,
    values: [],
    default: undefined,
    nonFinite: 'refuse',
  };
}

const listed = buildSpec({
  features: {
    description: '',
    features: [feature('age'), feature('income')],
    nonFinite: 'refuse',
    outputs: { prediction: '', probabilities: '', logits: '' },
    classes: [],
  },
});

function plan(overrides: Partial<ModelPlan>): ModelPlan {
  return buildModelPlan(overrides);
}

test('each row is a record', async () => {
  const [first, second, third] = await records(buildAnswered());
  assert.equal(third, undefined);
  assert.deepEqual(first, {
    time: '2026-11-21T00:00:00.000Z',
    model: 'm',
    version: '1',
    id: 'r1',
    front: 'grpc',
    row: 0,
    rows: 2,
    features: {},
    prediction: [10, 20],
    confidence: null,
    latencyMs: 1.235,
  });
  assert.deepEqual([second?.row, second?.prediction], [1, [30, 40]]);
});

test('features are elements of inputs by the file beside the model', async () => {
  const features = new Map([
    ['income', { kind: 'keep' }],
    ['age', { kind: 'width', width: 10 }],
  ] as const);
  const answered = buildAnswered({ spec: listed, plan: plan({ features }) });
  assert.deepEqual(
    (await records(answered)).map((record) => record.features),
    [
      { income: 2, age: '[0, 10)' },
      { income: 4, age: '[0, 10)' },
    ],
  );
});

test('inputs are features where none are listed', async () => {
  const answered = buildAnswered({ plan: plan({ features: new Map([['x', { kind: 'keep' }]]) }) });
  assert.deepEqual((await records(answered))[1]?.features, { x: [3, 4] });
});

test('nothing of an input is written that is not named', async () => {
  const text = JSON.stringify(await records(buildAnswered({ spec: listed })));
  assert.doesNotMatch(text, /age|income/);
});

test('what a plan names and the model does not have is told', () => {
  const features = new Map([['height', { kind: 'keep' }]] as const);
  assert.deepEqual(compilePlan(plan({ features }), listed).unknown, ['height']);
});

test('experiment and arm stand in the record of a request that has them', async () => {
  const [record] = await records(buildAnswered({ experiment: 'prices', arm: 'b' }));
  assert.deepEqual([record?.experiment, record?.arm], ['prices', 'b']);
});

test('request ids are hashed or left out', async () => {
  const [hashed] = await records(buildAnswered({ plan: plan({ requestId: 'hash' }) }));
  assert.match(hashed?.id ?? '', /^[\w-]{22}$/);
  const [dropped] = await records(buildAnswered({ plan: plan({ requestId: 'drop' }) }));
  assert.equal(dropped?.id, undefined);
});

test('a subject is a pseudonym, from a parameter or a feature', async () => {
  const byParameter = buildAnswered({
    plan: plan({ subject: { from: 'parameter', name: 'customer' } }),
    request: buildRequest({ parameters: { customer: 'Anna' } }),
  });
  assert.equal((await records(byParameter))[0]?.subject, pseudonyms.subject('Anna'));
  const names = byteElements('name', ['Anna', 'Bert']);
  const byFeature = buildAnswered({
    spec: buildSpec({ inputs: [buildTensorSpec('name', { datatype: 'BYTES', dims: [1] })] }),
    plan: plan({ subject: { from: 'feature', name: 'name' } }),
    request: buildRequest({ inputs: [{ ...names, shape: [2, 1] }] }),
  });
  assert.deepEqual(
    (await records(byFeature)).map(({ subject }) => subject),
    [pseudonyms.subject('Anna'), pseudonyms.subject('Bert')],
  );
});

test('a request that names no subject has a record without one', async () => {
  const subject = { from: 'parameter', name: 'customer' } as const;
  assert.equal((await records(buildAnswered({ plan: plan({ subject }) })))[0]?.subject, undefined);
});

test('equal inputs have equal hashes', async () => {
  const hashed = plan({ inputHash: true });
  const [one] = await records(buildAnswered({ plan: hashed }));
  const [same] = await records(buildAnswered({ plan: hashed }));
  const [other] = await records(buildAnswered({ plan: hashed, request: buildRequest() }));
  assert.equal(one?.inputHash, same?.inputHash);
  assert.notEqual(one?.inputHash, other?.inputHash);
});

test('no more rows are written than the plan allows', async () => {
  assert.equal((await records(buildAnswered({ plan: plan({ maxRows: 1 }) }))).length, 1);
});

test('a model without a batch dimension is one row', async () => {
  const [record, more] = await records(buildAnswered({ spec: buildSpec({ maxBatchSize: 0 }) }));
  assert.equal(more, undefined);
  assert.deepEqual(record?.prediction, [10, 20, 30, 40]);
});

test('a cut value is told', async () => {
  const long = byteElements('x', ['a'.repeat(2000)]);
  const answered = buildAnswered({
    spec: buildSpec({ inputs: [buildTensorSpec('x', { datatype: 'BYTES', dims: [1] })], maxBatchSize: 0 }),
    plan: plan({ features: new Map([['x', { kind: 'keep' }]]) }),
    request: buildRequest({ inputs: [long] }),
  });
  assert.equal((await records(answered))[0]?.truncated, true);
});
