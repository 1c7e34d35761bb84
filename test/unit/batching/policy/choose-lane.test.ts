import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import { ageingMs, chooseLane } from '../../../../src/batching/policy/choose-lane.ts';

const now = 10_000;

for (const { name, heads, chosen } of [
  { name: 'none of none', heads: [], chosen: -1 },
  {
    name: 'the better level, however late its deadline',
    heads: [
      { level: 2, queuedAt: now, rank: now + 1 },
      { level: 1, queuedAt: now, rank: now + 900 },
    ],
    chosen: 1,
  },
  {
    name: 'the earlier deadline within a level',
    heads: [
      { level: 1, queuedAt: now, rank: now + 50 },
      { level: 1, queuedAt: now, rank: now + 20 },
    ],
    chosen: 1,
  },
  {
    name: 'the first of equals',
    heads: [
      { level: 1, queuedAt: now, rank: now + 20 },
      { level: 1, queuedAt: now, rank: now + 20 },
    ],
    chosen: 0,
  },
  {
    name: 'a worse level that has waited for two ageing times',
    heads: [
      { level: 1, queuedAt: now, rank: now + 20 },
      { level: 2, queuedAt: now - 2 * ageingMs, rank: now + 900 },
    ],
    chosen: 1,
  },
]) {
  test(`chooses ${name}`, () => {
    assert.equal(chooseLane(heads, now), chosen);
  });
}

test('a lane of level n never waits behind fresh lanes for longer than n ageing times', () => {
  const fresh = fc.record({
    level: fc.integer({ min: 1, max: 5 }),
    rank: fc.integer({ min: now, max: now + 9 }),
  });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.array(fresh, { maxLength: 6 }), (level, others) => {
      const old = { level, queuedAt: now - level * ageingMs - 1, rank: now - 1 };
      const heads = [...others.map((other) => ({ ...other, queuedAt: now })), old];
      assert.equal(chooseLane(heads, now), heads.length - 1);
    }),
  );
});
