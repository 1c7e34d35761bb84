import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import { bucketSizes, chooseKnee, probedSize, probeEvery } from '../../../../src/batching/policy/knee.ts';

test('costs are learned at powers of two, the halves between them, and the largest batch', () => {
  assert.deepEqual(bucketSizes(1), [1]);
  assert.deepEqual(bucketSizes(4), [1, 2, 3, 4]);
  assert.deepEqual(bucketSizes(32), [1, 2, 3, 4, 6, 8, 12, 16, 24, 32]);
  assert.deepEqual(bucketSizes(20), [1, 2, 3, 4, 6, 8, 12, 16, 20]);
});

test('bucket sizes ascend and end with the largest batch', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100_000 }), (maxRows) => {
      const sizes = bucketSizes(maxRows);
      assert.equal(sizes.at(-1), maxRows);
      for (let i = 1; i < sizes.length; i++) assert.ok(sizes[i]! > sizes[i - 1]!);
    }),
  );
});

const sizes = [1, 2, 4, 8, 16, 32];
const often = [9, 9, 9, 9, 9, 9];

for (const { name, costs, samples, knee } of [
  { name: 'nothing known', costs: [0, 0, 0, 0, 0, 0], samples: [0, 0, 0, 0, 0, 0], knee: 32 },
  { name: 'rows that cost the same in any company', costs: [1, 2, 4, 8, 16, 32], samples: often, knee: 1 },
  { name: 'ever cheaper rows', costs: [5.2, 5.4, 5.8, 6.6, 8.2, 11.4], samples: often, knee: 32 },
  { name: 'a cliff above 16', costs: [0.1, 0.15, 0.3, 0.55, 1, 5], samples: often, knee: 16 },
  { name: 'the best within five per cent', costs: [2, 3, 4.2, 8, 15.3, 31], samples: often, knee: 8 },
  { name: 'a cliff seen only once', costs: [1, 1.5, 2, 3, 4, 99], samples: [9, 9, 9, 9, 9, 1], knee: 32 },
  { name: 'only single rows known', costs: [1, 0, 0, 0, 0, 0], samples: [9, 0, 0, 0, 0, 0], knee: 32 },
  { name: 'costs of nothing', costs: [0, 0, 0, 0, 0, 0], samples: often, knee: 32 },
]) {
  test(`the knee for ${name} is ${knee}`, () => {
    assert.equal(chooseKnee(sizes, costs, samples), knee);
  });
}

test('what each batch costs besides moves the knee up', () => {
  const cheapRows = [0.1, 0.2, 0.4, 0.8, 1.6, 3.2];
  assert.equal(chooseKnee(sizes, cheapRows, often, 0), 1);
  assert.equal(chooseKnee(sizes, cheapRows, often, 0.06), 16);
});

test('every hundredth full batch tries a neighbour of the knee, the upper one first', () => {
  assert.equal(probedSize(sizes, 8, 0), 8);
  assert.equal(probedSize(sizes, 8, 1), 8);
  assert.equal(probedSize(sizes, 8, probeEvery), 16);
  assert.equal(probedSize(sizes, 8, 2 * probeEvery), 4);
  assert.equal(probedSize(sizes, 32, probeEvery), 32);
  assert.equal(probedSize(sizes, 1, 2 * probeEvery), 1);
});
