import assert from 'node:assert/strict';
import { test } from 'node:test';
import { benjaminiHochberg, holm } from '../../../src/statistics/corrections.ts';

test("Holm's adjustment multiplies the smallest p-value most and never changes their order", () => {
  assert.deepEqual(
    holm([0.01, 0.04, 0.03, 0.005]).map((p) => Number(p.toFixed(6))),
    [0.03, 0.06, 0.06, 0.02],
  );
});

test("Benjamini and Hochberg's published example keeps four of fifteen findings at 5 %", () => {
  const published = [
    0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.324, 0.4262, 0.5719, 0.6528,
    0.759, 1,
  ];
  const found = benjaminiHochberg(published).filter((p) => p <= 0.05);
  assert.equal(found.length, 4);
  assert.equal(holm(published).filter((p) => p <= 0.05).length, 3);
});

test('no adjusted p-value exceeds 1, and none comes of none', () => {
  assert.deepEqual(holm([0.9, 0.8]), [1, 1]);
  assert.deepEqual(benjaminiHochberg([]), []);
});
