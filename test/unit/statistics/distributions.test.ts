import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testIndependence, testProportions } from '../../../src/statistics/chi-square.ts';
import {
  jensenShannonDistance,
  stabilityIndex,
  stabilityIndexBias,
} from '../../../src/statistics/divergence.ts';
import { binnedDistance, compareDistributions } from '../../../src/statistics/kolmogorov-smirnov.ts';
import { compareRanks } from '../../../src/statistics/mann-whitney.ts';
import { checkSampleRatio } from '../../../src/statistics/sample-ratio.ts';
import { wassersteinDistance } from '../../../src/statistics/wasserstein.ts';
import { seededNormal } from '../../support/seeded-random.ts';

function near(actual: number, expected: number, within: number): void {
  assert.ok(Math.abs(actual - expected) <= within, `${actual} is not ${expected}`);
}

test("Mendel's peas come in the proportions that he expected", () => {
  const { statistic, degreesOfFreedom, pValue } = testProportions([315, 101, 108, 32], [9, 3, 3, 1]);
  near(statistic, 0.47, 0.001);
  assert.equal(degreesOfFreedom, 3);
  near(pValue, 0.9254, 0.0005);
});

test('a count where none is expected cannot be', () => {
  assert.equal(testProportions([5, 1], [1, 0]).pValue, 0);
});

test('columns without counts add no degrees of freedom', () => {
  const { statistic, degreesOfFreedom } = testIndependence([
    [10, 0, 20],
    [20, 0, 10],
  ]);
  near(statistic, 6.6667, 0.001);
  assert.equal(degreesOfFreedom, 1);
});

test('a table with one column tells nothing', () => {
  assert.equal(testIndependence([[10], [20]]).pValue, 1);
});

test('the stability index of unchanged data is its bias on average', () => {
  const normal = seededNormal(5);
  const bins = () => {
    const counts = Array.from({ length: 10 }, () => 0);
    for (let i = 0; i < 200; i++) {
      const bin = Math.min(9, Math.max(0, Math.floor(normal() * 2 + 5)));
      counts[bin] = (counts[bin] ?? 0) + 1;
    }
    return counts;
  };
  let sum = 0;
  for (let i = 0; i < 200; i++) sum += stabilityIndex(bins(), bins());
  near(sum / 200, stabilityIndexBias(10, 200, 200), 0.03);
});

test('distances of equal counts are 0, and of counts without a common bin as large as can be', () => {
  assert.equal(stabilityIndex([10, 20], [10, 20]), 0);
  assert.equal(jensenShannonDistance([10, 20], [20, 40]), 0);
  assert.equal(jensenShannonDistance([10, 0], [0, 5]), 1);
  assert.equal(binnedDistance([10, 0], [0, 5]), 1);
});

test('the distance of binned values is that of the values, where bins hold one value each', () => {
  const first = [1, 1, 2, 3, 3, 3];
  const second = [1, 2, 2, 2, 3];
  const counts = (values: readonly number[]) =>
    [1, 2, 3].map((bin) => values.filter((v) => v === bin).length);
  near(binnedDistance(counts(first), counts(second)), compareDistributions(first, second).statistic, 1e-12);
});

test('moving all values by two is a distance of two', () => {
  near(wassersteinDistance({ values: [1, 2, 7] }, { values: [9, 4, 3] }), 2, 1e-12);
  near(
    wassersteinDistance({ values: [0, 1], weights: [3, 1] }, { values: [0, 1], weights: [1, 3] }),
    0.5,
    1e-12,
  );
});

test('equal samples have equal ranks, and no evidence of anything', () => {
  const { superiority, pValue } = compareRanks([3, 3, 3], [3, 3, 3]);
  assert.equal(superiority, 0.5);
  assert.equal(pValue, 1);
});

test('ranks do not see that one request in fifty is ten times slower, as a share above the p99 does', () => {
  const normal = seededNormal(9);
  const baseline = Array.from({ length: 500 }, () => 10 + normal());
  const slow = Array.from({ length: 500 }, (_, i) => (10 + normal()) * (i % 50 === 0 ? 10 : 1));
  assert.ok(compareRanks(slow, baseline, 'greater').pValue > 0.05);
  const p99 = baseline.toSorted((a, b) => a - b)[494] ?? 0;
  assert.ok(slow.filter((value) => value > p99).length >= 10);
});

test('a split of 50:50 that came out as 5000:5400 is a mismatch, one of 5000:5100 is not', () => {
  assert.equal(checkSampleRatio(5000, 5100, 0.5).mismatch, false);
  assert.equal(checkSampleRatio(5000, 5400, 0.5).mismatch, true);
});
