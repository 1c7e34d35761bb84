import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import { CostTable } from '../../../src/batching/cost-table.ts';

test('nothing is known before the first run', () => {
  const table = new CostTable(32);
  assert.equal(table.estimateMs(8), 0);
  assert.equal(table.knee, 32);
});

test('between learned sizes costs are interpolated, below the first flat, above the last on their line', () => {
  const table = new CostTable(32);
  table.observe(4, 6);
  assert.equal(table.estimateMs(1), 6);
  assert.equal(table.estimateMs(32), 6);
  table.observe(8, 8);
  assert.equal(table.estimateMs(6), 7);
  assert.equal(table.estimateMs(7), 7.5);
  assert.equal(table.estimateMs(16), 12);
});

test('a slow first run is forgotten with the second', () => {
  const table = new CostTable(8);
  table.observe(8, 100);
  table.observe(8, 5);
  assert.equal(table.estimateMs(8), 5);
});

test('one stalled run counts for at most four usual ones', () => {
  const table = new CostTable(8);
  for (let i = 0; i < 50; i++) table.observe(8, 5);
  table.observe(8, 5_000);
  assert.ok(Math.abs(table.estimateMs(8) - 6.5) < 1e-9);
});

test('a lasting change is followed', () => {
  const table = new CostTable(8);
  for (let i = 0; i < 50; i++) table.observe(8, 5);
  for (let i = 0; i < 60; i++) table.observe(8, 10);
  assert.ok(Math.abs(table.estimateMs(8) - 10) < 0.1);
});

test('an affine cost is learned from any sizes', () => {
  const table = new CostTable(32);
  const costMs = (rows: number): number => 5 + 0.2 * rows;
  for (const rows of [1, 32, 16, 5, 9, 31, 2, 24, 12, 7])
    for (let i = 0; i < 5; i++) table.observe(rows, costMs(rows));
  for (let rows = 1; rows <= 32; rows++) {
    assert.ok(Math.abs(table.estimateMs(rows) - costMs(rows)) < 0.1, `${rows}: ${table.estimateMs(rows)}`);
  }
});

test('rows that get no cheaper in company make the knee small', () => {
  const table = new CostTable(32);
  for (let i = 0; i < 5; i++) for (const rows of [1, 4, 32]) table.observe(rows, rows);
  assert.equal(table.knee, 1);
});

test('interruptions raise the estimate of what requests wait for, and leave the knee where runs by themselves put it', () => {
  const table = new CostTable(32);
  for (let run = 0; run < 60; run++) {
    for (const rows of [1, 2, 4, 8, 16, 32]) {
      // Flat per row from two rows on; long runs are interrupted two times in three.
      const busyMs = rows === 1 ? 1.2 : rows;
      const interruptedMs = rows >= 4 && run % 3 !== 0 ? rows : 0;
      table.observe(rows, busyMs + interruptedMs + 1, busyMs + interruptedMs);
    }
  }
  assert.equal(table.knee, 2);
  assert.ok(table.estimateMs(32) > 40, `${table.estimateMs(32)} ms`);
});

test('what another table learned is taken over where nothing is known', () => {
  const known = new CostTable(32);
  for (let i = 0; i < 5; i++) known.observe(8, 4);
  const fresh = new CostTable(32);
  fresh.observe(1, 2);
  fresh.import([...known.export(), { rows: 1, ms: 99, samples: 9 }, { rows: 5, ms: 1, samples: 1 }]);
  assert.equal(fresh.estimateMs(8), 4);
  assert.equal(fresh.estimateMs(1), 2);
});

test('costs that are no positive numbers are not taken over', () => {
  const table = new CostTable(8);
  table.import([
    { rows: 8, ms: Number.NaN, samples: 5 },
    { rows: 4, ms: -1, samples: 5 },
    { rows: 2, ms: 1, samples: 0 },
  ]);
  assert.equal(table.estimateMs(8), 0);
});

test('estimates stay between the smallest and the largest learned cost inside the learned range', () => {
  const run = fc.record({
    rows: fc.integer({ min: 1, max: 64 }),
    ms: fc.double({ min: 0.01, max: 50, noNaN: true }),
  });
  fc.assert(
    fc.property(fc.array(run, { minLength: 1, maxLength: 30 }), (runs) => {
      const table = new CostTable(64);
      for (const { rows, ms } of runs) table.observe(rows, ms);
      const learned = table.export();
      const costs = learned.map(({ ms }) => ms);
      const last = learned.at(-1)!.rows;
      for (let rows = 1; rows <= last; rows++) {
        const estimate = table.estimateMs(rows);
        assert.ok(estimate >= Math.min(...costs) - 1e-9 && estimate <= Math.max(...costs) + 1e-9);
      }
    }),
  );
});
