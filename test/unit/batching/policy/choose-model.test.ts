import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import { chooseModel, quantumMs } from '../../../../src/batching/policy/choose-model.ts';

test('a model that can afford its batch goes first', () => {
  const turns = [
    { deficitMs: 0, costMs: 10 },
    { deficitMs: 3, costMs: 3 },
  ];
  assert.deepEqual(chooseModel(turns, 0), { index: 1, grantMs: 0 });
});

test('when none can, the one that needs the fewest rounds goes, and all get those rounds', () => {
  const turns = [
    { deficitMs: 0, costMs: 10 },
    { deficitMs: 0, costMs: 2.5 },
  ];
  assert.deepEqual(chooseModel(turns, 0), { index: 1, grantMs: 3 * quantumMs });
});

test('among equals the one after the last goes', () => {
  const turns = [
    { deficitMs: 0, costMs: 2 },
    { deficitMs: 0, costMs: 2 },
  ];
  assert.equal(chooseModel(turns, 1).index, 1);
  assert.equal(chooseModel(turns, 2).index, 0);
});

test('models that always have work get the same device time, however different their batches are', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0.1, max: 20, noNaN: true }), { minLength: 2, maxLength: 5 }),
      (costs) => {
        const deficits = costs.map(() => 0);
        const used = costs.map(() => 0);
        let last = -1;
        for (let i = 0; i < 2_000; i++) {
          const turns = costs.map((costMs, index) => ({ deficitMs: deficits[index]!, costMs }));
          const { index, grantMs } = chooseModel(turns, last + 1);
          for (let other = 0; other < costs.length; other++) deficits[other]! += grantMs;
          deficits[index]! -= costs[index]!;
          used[index]! += costs[index]!;
          last = index;
        }
        const spread = Math.max(...used) - Math.min(...used);
        assert.ok(spread <= 2 * Math.max(...costs) + 2 * quantumMs, `${spread}`);
      },
    ),
    { numRuns: 20 },
  );
});
