import assert from 'node:assert/strict';
import { test } from 'node:test';

import { bucketOf, fitsUnder } from '../../../../src/batching/policy/bucket.ts';

for (const [size, bounds, bucket] of [
  [1, undefined, 1],
  [2, undefined, 2],
  [3, undefined, 4],
  [1_000, undefined, 1_024],
  [0, undefined, 0],
  [1, [16, 32], 16],
  [16, [16, 32], 16],
  [17, [16, 32], 32],
  [33, [16, 32], 0],
  [0, [16, 32], 0],
] as const) {
  test(`a size of ${size} is in bucket ${bucket} of ${bounds?.join() ?? 'the powers of two'}`, () => {
    assert.equal(bucketOf(size, bounds), bucket);
  });
}

test('a request fits under bounds that are as large in every dimension', () => {
  assert.equal(fitsUnder([3, 5], [4, 5]), true);
  assert.equal(fitsUnder([3, 5], [4, 4]), false);
});
