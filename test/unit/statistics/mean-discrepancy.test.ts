import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BlockMeans } from '../../../src/statistics/block-means.ts';
import {
  FourierFeatures,
  fourierFeatures,
  medianDistance,
} from '../../../src/statistics/fourier-features.ts';
import { compareMeans } from '../../../src/statistics/mean-discrepancy.ts';
import { fSurvival } from '../../../src/statistics/special-functions.ts';
import { seededNormal } from '../../support/seeded-random.ts';

function near(actual: number, expected: number, tolerance: number): void {
  assert.ok(Math.abs(actual - expected) < tolerance, `${actual} is not ${expected}`);
}

function mapped(features: FourierFeatures, vector: readonly number[]): Float64Array {
  const into = new Float64Array(fourierFeatures);
  features.map(Float32Array.from(vector), into);
  return into;
}

for (const [x, numerator, denominator, expected] of [
  [2.5, 3, 20, 0.08884375193768917],
  [1.3, 17.5, 245, 0.1902631851758997],
  [0.7, 1, 13, 0.4178983835984876],
  [4.2, 5.5, 77, 0.001434623336333938],
] as const) {
  test(`F(${numerator}, ${denominator}) exceeds ${x} as often as scipy says`, () => {
    near(fSurvival(x, numerator, denominator), expected, 1e-12);
  });
}

test('the squared distance of mean features is the squared discrepancy that numpy computes from all pairs', () => {
  const x = [
    [0, 0],
    [1, 2],
    [3, 1],
    [-1, 1],
  ];
  const y = [
    [1, 1],
    [2, 3],
    [4, 4],
  ];
  let sum = 0;
  const seeds = 40;
  for (let seed = 1; seed <= seeds; seed++) {
    const features = new FourierFeatures({ width: 2, seed, bandwidth: 2 });
    const means = [x, y].map((rows) => {
      const mean = new BlockMeans(fourierFeatures);
      for (const row of rows) mean.add(mapped(features, row));
      return mean.mean();
    });
    for (let i = 0; i < fourierFeatures; i++) sum += (means[0]![i]! - means[1]![i]!) ** 2 / seeds;
  }
  near(sum, 0.34574567640025167, 0.01);
});

test('the same seed gives the same features, and a vector has the kernel 1 with itself', () => {
  const [one, two, other] = [7, 7, 8].map((seed) =>
    mapped(new FourierFeatures({ width: 3, seed, bandwidth: 1.5 }), [1, 2, 3]),
  );
  assert.deepEqual(one, two);
  assert.notDeepEqual(one, other);
  near(
    one!.reduce((sum, value) => sum + value * value, 0),
    1,
    1e-12,
  );
});

test('the bandwidth is the median distance: 1.54 for normal vectors of two numbers', () => {
  const normal = seededNormal(3);
  near(medianDistance(Float32Array.from({ length: 2000 }, normal), 2), Math.sqrt(2 * 2 * Math.log(2)), 0.1);
  assert.equal(medianDistance(new Float32Array(20).fill(5), 2), 1);
  assert.equal(medianDistance(new Float32Array(2), 2), 1);
});

/** Whose neighbours correlate with `phi`; every direction has variance 1. */
function stream(width: number, phi: number, seed: number): (shift: number) => Float32Array {
  const normal = seededNormal(seed);
  const state = Float64Array.from({ length: width }, normal);
  return (shift) => {
    for (let i = 0; i < width; i++) state[i] = phi * state[i]! + Math.sqrt(1 - phi * phi) * normal();
    return Float32Array.from(state, (value, i) => value + (i === 0 ? shift : 0));
  };
}

function windowsOf(
  features: FourierFeatures,
  next: (shift: number) => Float32Array,
  { windows, rows, shift }: { readonly windows: number; readonly rows: number; readonly shift: number },
) {
  const into = new Float64Array(fourierFeatures);
  return Array.from({ length: windows }, () => {
    const means = new BlockMeans(fourierFeatures);
    const sample: Float32Array[] = [];
    for (let row = 0; row < rows; row++) {
      features.map(next(shift), into);
      means.add(into);
      if (row % 8 === 0) sample.push(Float32Array.from(into));
    }
    const spread = means.spread()!;
    return { mean: means.mean(), variance: spread.variance, spread, sample };
  });
}

test('the discrepancy of two normal distributions is what the formula says, and the shift is in standard deviations', () => {
  const next = stream(3, 0, 5);
  const features = new FourierFeatures({ width: 3, seed: 1, bandwidth: 2 });
  const [reference] = windowsOf(features, next, { windows: 1, rows: 8000, shift: 0 });
  const [current] = windowsOf(features, next, { windows: 1, rows: 8000, shift: 0.5 });
  const { discrepancy, shift, pValue } = compareMeans(current!, reference!, current!.sample);
  near(discrepancy, 0.14981935099414578, 0.02);
  near(shift, 0.5, 0.06);
  assert.ok(pValue < 1e-9);
});

test('clean traffic whose neighbours correlate with 0.9 is taken for drift in less than 5 % of windows', () => {
  const next = stream(8, 0.9, 9);
  const features = new FourierFeatures({ width: 8, seed: 1, bandwidth: 4 });
  const [reference] = windowsOf(features, next, { windows: 1, rows: 4000, shift: 0 });
  const windows = windowsOf(features, next, { windows: 40, rows: 500, shift: 0 });
  const found = windows.map((current) => compareMeans(current, reference!, current.sample).pValue < 0.01);
  assert.ok(found.filter(Boolean).length <= 2, `${found.filter(Boolean).length}`);
  assert.ok(found.every((each, i) => !(each && found[i + 1] === true)));
});

test('the variance of a mean allows for neighbours that resemble each other', () => {
  const features = new FourierFeatures({ width: 8, seed: 1, bandwidth: 4 });
  const [alone] = windowsOf(features, stream(8, 0, 2), { windows: 1, rows: 4000, shift: 0 });
  const [alike] = windowsOf(features, stream(8, 0.9, 2), { windows: 1, rows: 4000, shift: 0 });
  const single = 1 - alone!.mean.reduce((sum, value) => sum + value * value, 0);
  near(alone!.variance / (single / 4000), 1, 0.35);
  assert.ok(alike!.variance > 4 * alone!.variance);
});

test('block means go on where they were saved, and say nothing of few rows', () => {
  const add = (means: BlockMeans, from: number, to: number): void => {
    for (let i = from; i < to; i++) means.add(Float64Array.of(Math.sin(i), i % 7));
  };
  const [whole, first, second] = [new BlockMeans(2), new BlockMeans(2), new BlockMeans(2)];
  add(whole, 0, 1000);
  add(first, 0, 333);
  second.restore(structuredClone(first.save()));
  add(second, 333, 1000);
  assert.deepEqual(second.spread(), whole.spread());
  assert.deepEqual(second.mean(), whole.mean());
  assert.equal(whole.rows, 1000);
  const few = new BlockMeans(2);
  add(few, 0, 5);
  assert.equal(few.spread(), undefined);
});
