import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import { shareBucket, type BucketSnapshot } from '../../../../src/batching/policy/share-bucket.ts';

/** A fixed part for each batch, and one for each padded element. */
function costs(bound: number, fixedMs: number, elementMs: number): (rows: number) => number {
  return (rows) => fixedMs + rows * bound * elementMs;
}

function bucket(bound: number, rows: number, fixedMs = 1, elementMs = 0.01): BucketSnapshot {
  return { bounds: [bound], rows, fullRows: 8, costMs: costs(bound, fixedMs, elementMs) };
}

for (const { name, buckets, chosen, own, shared } of [
  {
    name: 'guests join where starting another batch costs more than their padding',
    buckets: [bucket(8, 3), bucket(16, 2)],
    chosen: 1,
    own: 2,
    shared: { host: 1, rows: [3, 2] },
  },
  {
    name: 'a chosen small bucket goes as a guest of a larger one',
    buckets: [bucket(8, 3), bucket(16, 2)],
    chosen: 0,
    own: 3,
    shared: { host: 1, rows: [3, 2] },
  },
  {
    name: 'guests wait where padding costs more than a batch of their own',
    buckets: [bucket(8, 3, 0.01), bucket(64, 2, 0.01)],
    chosen: 1,
    own: 2,
    shared: { host: 1, rows: [0, 2] },
  },
  {
    name: 'nobody joins while a cost is unknown',
    buckets: [bucket(8, 3, 0, 0), bucket(16, 2)],
    chosen: 1,
    own: 2,
    shared: { host: 1, rows: [0, 2] },
  },
  {
    name: 'nobody becomes a guest of a bucket whose cost is unknown',
    buckets: [bucket(8, 3), bucket(16, 2, 0, 0)],
    chosen: 0,
    own: 3,
    shared: { host: 0, rows: [3, 0] },
  },
  {
    name: 'only as many join as there is room for',
    buckets: [bucket(8, 5, 1, 0.05), bucket(16, 6)],
    chosen: 1,
    own: 6,
    shared: { host: 1, rows: [2, 6] },
  },
  {
    name: 'the nearest bucket is the first to join',
    buckets: [bucket(2, 4), bucket(8, 4), bucket(16, 4)],
    chosen: 2,
    own: 4,
    shared: { host: 2, rows: [0, 4, 4] },
  },
  {
    name: 'buckets that are larger in one dimension and smaller in another have no common batch',
    buckets: [
      { ...bucket(8, 3), bounds: [8, 32] },
      { ...bucket(16, 2), bounds: [16, 16] },
    ],
    chosen: 1,
    own: 2,
    shared: { host: 1, rows: [0, 2] },
  },
]) {
  test(name, () => {
    assert.deepEqual(shareBucket(buckets, chosen, own), shared);
  });
}

const snapshots = fc.array(
  fc.record({
    bounds: fc.tuple(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 1, max: 64 })),
    rows: fc.integer({ min: 1, max: 20 }),
    fullRows: fc.integer({ min: 1, max: 16 }),
    fixedMs: fc.constantFrom(0, 0.1, 5),
    elementMs: fc.constantFrom(0, 0.001, 0.1),
  }),
  { minLength: 1, maxLength: 6 },
);

test('no batch gets more rows than its bucket holds or than wait, and none that do not fit under its bounds', () => {
  fc.assert(
    fc.property(snapshots, fc.nat(), (given, pick) => {
      const buckets: BucketSnapshot[] = given.map(({ fixedMs, elementMs, ...rest }) => ({
        ...rest,
        costMs: costs(rest.bounds[0] * rest.bounds[1], fixedMs, elementMs),
      }));
      const chosen = pick % buckets.length;
      const own = Math.min(buckets[chosen]!.rows, buckets[chosen]!.fullRows);
      const { host, rows } = shareBucket(buckets, chosen, own);
      const total = rows.reduce((sum, taken) => sum + taken, 0);
      assert.equal(rows[chosen], own, 'whose turn it is goes');
      assert.ok(total === own || total <= buckets[host]!.fullRows);
      for (const [index, taken] of rows.entries()) {
        assert.ok(taken >= 0 && taken <= buckets[index]!.rows);
        if (taken === 0) continue;
        for (const axis of [0, 1]) {
          assert.ok(buckets[index]!.bounds[axis]! <= buckets[host]!.bounds[axis]!);
        }
      }
      const separate = buckets.reduce(
        (sum, { costMs }, index) => sum + (rows[index]! > 0 ? costMs(rows[index]!) : 0),
        0,
      );
      if (total > own) assert.ok(buckets[host]!.costMs(total) < separate + 1e-9, 'cheaper than apart');
    }),
  );
});
