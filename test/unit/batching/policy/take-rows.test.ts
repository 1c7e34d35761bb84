import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import { predictionMargin } from '../../../../src/batching/policy/predict-wait.ts';
import { takeRows } from '../../../../src/batching/policy/take-rows.ts';

const costMs = (rows: number): number => 5 + 0.2 * rows;
const nowMs = 1_000;
const in50 = { rows: 1, deadline: nowMs + 50 };
const in8 = { rows: 1, deadline: nowMs + 8 };
const in5 = { rows: 1, deadline: nowMs + 5 };
const patient = { rows: 1, deadline: Infinity };

function times<T>(count: number, item: T): readonly T[] {
  return Array.from({ length: count }, () => item);
}

for (const { name, candidates, backlog, decision } of [
  {
    name: 'all when all are in time',
    candidates: times(32, in50),
    backlog: true,
    decision: { rows: 32, doomed: [] },
  },
  {
    name: 'all without deadlines',
    candidates: times(32, patient),
    backlog: true,
    decision: { rows: 32, doomed: [] },
  },
  {
    name: 'fewer for an urgent one when nobody waits behind',
    candidates: [in8, ...times(31, in50)],
    backlog: false,
    decision: { rows: 11, doomed: [] },
  },
  {
    name: 'not the urgent one that would make the others late',
    candidates: [in8, ...times(31, in50)],
    backlog: true,
    decision: { rows: 31, doomed: [0] },
  },
  {
    name: 'not one that is late even alone',
    candidates: [in5, in50],
    backlog: false,
    decision: { rows: 1, doomed: [0] },
  },
]) {
  test(`takes ${name}`, () => {
    assert.deepEqual(takeRows(candidates, { nowMs, backlog, costMs }), decision);
  });
}

test('with unknown costs nobody is given up', () => {
  assert.deepEqual(takeRows([in5, in8], { nowMs, backlog: true, costMs: () => 0 }), { rows: 2, doomed: [] });
});

test('whoever is taken is in time, and nobody is given up who could be in time alone and without a backlog', () => {
  const candidate = fc.record({
    rows: fc.integer({ min: 1, max: 8 }),
    deadline: fc.oneof(fc.integer({ min: nowMs, max: nowMs + 60 }), fc.constant(Infinity)),
  });
  fc.assert(
    fc.property(fc.array(candidate, { minLength: 1, maxLength: 20 }), fc.boolean(), (candidates, backlog) => {
      const { rows, doomed } = takeRows(candidates, { nowMs, backlog, costMs });
      const kept = candidates.filter((_, index) => !doomed.includes(index));
      assert.ok(rows <= kept.reduce((sum, { rows }) => sum + rows, 0));
      const endsAt = nowMs + predictionMargin * costMs(rows);
      if (rows > 1) for (const { deadline } of kept) assert.ok(deadline >= endsAt - 1e-9);
      if (!backlog) {
        for (const index of doomed) {
          const { rows, deadline } = candidates[index]!;
          assert.ok(deadline < nowMs + predictionMargin * costMs(rows));
        }
      }
    }),
  );
});
