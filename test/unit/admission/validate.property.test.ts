import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  array,
  assert as holds,
  boolean,
  constantFrom,
  integer,
  option,
  property,
  record,
  tuple,
  uint8Array,
} from 'fast-check';
import { validateRequest } from '../../../src/admission/validate.ts';
import { ServingError } from '../../../src/errors.ts';
import { datatypes, datatypeSizeBytes } from '../../../src/inference/datatype.ts';
import type { InferRequest } from '../../../src/inference/request.ts';
import { elementCount, type Tensor } from '../../../src/inference/tensor.ts';
import type { Target } from '../../../src/inference/target.ts';
import { buildRequest, zeros } from '../../support/build-request.ts';
import { buildTarget, buildTensorSpec, callAt } from '../../support/build-target.ts';

const names = ['a', 'b', 'c'] as const;
const datatype = constantFrom(...datatypes);
const dims = array(constantFrom(-1, 0, 1, 2, 3), { maxLength: 3 });

/** Models of up to three inputs. */
const targets = record({
  maxBatchSize: constantFrom(0, 1, 4),
  inputs: array(record({ datatype, dims, optional: boolean() }), { minLength: 1, maxLength: 3 }),
}).map(({ maxBatchSize, inputs }) =>
  buildTarget([], {
    spec: {
      maxBatchSize,
      inputs: inputs.map((input, index) => buildTensorSpec(names[index] ?? 'd', input)),
    },
  }),
);

const size = constantFrom(0, 1, 2, 3, 4, 5, 2 ** 31, 2 ** 53 - 1, -1);

const anyTensor = record({
  name: constantFrom(...names, 'd'),
  datatype,
  shape: array(size, { maxLength: 4 }),
  data: uint8Array({ maxLength: 64 }),
});

/** What a request to the target would be, but for what `damage` changes. */
function fitting(target: Target, rows: number): Tensor[] {
  return target.spec.inputs.map((input) => {
    const own = input.dims.map((dim) => (dim === -1 ? 2 : dim));
    const shape = target.spec.maxBatchSize > 0 ? [rows, ...own] : own;
    return zeros(input.name, shape, input.datatype);
  });
}

/** Requests that fit, that nearly fit, and that have nothing to do with the model. */
const cases = tuple(
  targets,
  constantFrom('fits', 'reversed', 'cut', 'replaced', 'random'),
  integer({ min: 1, max: 5 }),
  array(anyTensor, { maxLength: 4 }),
  option(integer({ min: 0, max: 63 })),
).map(([target, kind, rows, random, at]) => {
  let inputs: Tensor[] = kind === 'random' ? random : fitting(target, rows);
  if (kind === 'reversed') inputs = inputs.toReversed();
  if (kind === 'cut') inputs = inputs.map((input) => ({ ...input, data: input.data.subarray(0, at ?? 0) }));
  if (kind === 'replaced') inputs = [...inputs.slice(1), ...random.slice(0, 1)];
  return { target, request: buildRequest({ inputs }), kind, rows };
});

function admitted(target: Target, request: InferRequest): InferRequest | ServingError {
  try {
    return validateRequest(target, request, callAt(0));
  } catch (error) {
    assert.ok(error instanceof ServingError, String(error));
    return error;
  }
}

function assertSound({ spec }: Target, { inputs, outputs }: InferRequest): void {
  assert.ok(outputs.length > 0);
  const order = inputs.map(({ name }) => spec.inputs.findIndex((input) => input.name === name));
  assert.deepEqual(
    order,
    [...new Set(order)].sort((a, b) => a - b),
  );
  for (const input of spec.inputs) {
    assert.ok(input.optional || inputs.some(({ name }) => name === input.name));
  }
  for (const { name, datatype: own, shape, data } of inputs) {
    const wanted = spec.inputsByName.get(name);
    assert.equal(own, wanted?.datatype);
    const sizes = spec.maxBatchSize > 0 ? shape.slice(1) : shape;
    assert.equal(sizes.length, wanted?.dims.length);
    for (const [i, dim] of sizes.entries())
      assert.ok(dim >= 0 && (wanted?.dims[i] === -1 || wanted?.dims[i] === dim));
    if (spec.maxBatchSize > 0) {
      assert.equal(shape[0], inputs[0]?.shape[0]);
      assert.ok(shape[0]! >= 1 && shape[0]! <= spec.maxBatchSize);
    }
    if (own !== 'BYTES') assert.equal(data.byteLength, elementCount(shape) * datatypeSizeBytes[own]);
  }
}

test('what is let through is as the stages behind rely on it, and all else is the client’s mistake', () => {
  holds(
    property(cases, ({ target, request }) => {
      const outcome = admitted(target, request);
      if (outcome instanceof ServingError) {
        assert.equal(outcome.code, 'invalid_argument');
        assert.ok(outcome.reason !== undefined && outcome.message.length <= 1024);
      } else assertSound(target, outcome);
    }),
    { numRuns: 3000 },
  );
});

test('a request that fits is let through, in any order of its inputs', () => {
  let passed = 0;
  holds(
    property(cases, ({ target, request, kind, rows }) => {
      const fits =
        (kind === 'fits' || kind === 'reversed') &&
        (target.spec.maxBatchSize === 0 || rows <= target.spec.maxBatchSize);
      if (!fits) return;
      const outcome = admitted(target, request);
      assert.ok(!(outcome instanceof ServingError), outcome instanceof ServingError ? outcome.message : '');
      passed++;
    }),
    { numRuns: 1000 },
  );
  assert.ok(passed > 100);
});
