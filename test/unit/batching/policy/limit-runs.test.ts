import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import { chooseContender, type Contender } from '../../../../src/batching/policy/limit-runs.ts';

function contender(scaledPriority: number, needs: Readonly<Record<string, number>> = {}): Contender {
  return { scaledPriority, needs: Object.entries(needs).map(([key, count]) => ({ key, count })) };
}

for (const { name, contenders, free, chosen } of [
  { name: 'nobody, where nobody wants to run', contenders: [], free: {}, chosen: -1 },
  {
    name: 'the one that ran least',
    contenders: [contender(4), contender(2), contender(3)],
    free: {},
    chosen: 1,
  },
  { name: 'the first among equals', contenders: [contender(2), contender(2)], free: {}, chosen: 0 },
  { name: 'whose resources are free', contenders: [contender(0, { a: 2 })], free: { a: 2 }, chosen: 0 },
  {
    name: 'nobody whose resources are not',
    contenders: [contender(0, { a: 3 })],
    free: { a: 2 },
    chosen: -1,
  },
  {
    name: 'nobody who would take what one before it waits for',
    contenders: [contender(0, { a: 3 }), contender(1, { a: 1 })],
    free: { a: 2 },
    chosen: -1,
  },
  {
    name: 'who needs nothing of what one before it waits for',
    contenders: [contender(0, { a: 3 }), contender(1, { a: 1 }), contender(2, { b: 1 })],
    free: { a: 2, b: 1 },
    chosen: 2,
  },
  {
    name: 'who needs nothing at all',
    contenders: [contender(0, { a: 1 }), contender(9)],
    free: {},
    chosen: 1,
  },
]) {
  test(`the rate limiter lets run: ${name}`, () => {
    const available: Readonly<Record<string, number>> = free;
    assert.equal(
      chooseContender(contenders, (key) => available[key] ?? 0),
      chosen,
    );
  });
}

test('what is chosen can have what it needs, and nobody with a smaller scaled priority could have run', () => {
  const needs = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.integer({ min: 0, max: 4 }));
  const contenders = fc.array(
    fc.record({ priority: fc.nat({ max: 5 }), needs }).map((given) => contender(given.priority, given.needs)),
    { maxLength: 6 },
  );
  fc.assert(
    fc.property(contenders, needs, (given, free) => {
      const available = (key: string): number => free[key] ?? 0;
      const fits = (one: Contender): boolean => one.needs.every(({ key, count }) => available(key) >= count);
      const chosen = given[chooseContender(given, available)];
      if (chosen === undefined) {
        const [first] = given.toSorted((a, b) => a.scaledPriority - b.scaledPriority);
        assert.ok(first === undefined || !fits(first), 'the first in turn is never held back');
        return;
      }
      assert.ok(fits(chosen));
      const [first] = given.toSorted((a, b) => a.scaledPriority - b.scaledPriority);
      if (first !== undefined && fits(first)) assert.equal(chosen.scaledPriority, first.scaledPriority);
    }),
  );
});
