import assert from 'node:assert/strict';
import { test } from 'node:test';
import { relativeRisk, standardizedDifference } from '../../../src/statistics/effect-size.ts';
import { Moments } from '../../../src/statistics/moments.ts';
import {
  powerOfProportions,
  sampleSizeOfMeans,
  sampleSizeOfProportions,
} from '../../../src/statistics/power.ts';
import { compareProportions } from '../../../src/statistics/two-proportions.ts';
import { compareMeans } from '../../../src/statistics/welch.ts';
import { seededNormal } from '../../support/seeded-random.ts';

function near(actual: number, expected: number, within: number): void {
  assert.ok(Math.abs(actual - expected) <= within, `${actual} is not ${expected}`);
}

test("Newcombe's published interval of 56/70 less 48/80 comes out", () => {
  const { interval } = compareProportions({ successes: 56, count: 70 }, { successes: 48, count: 80 });
  near(interval[0], 0.0524, 0.0001);
  near(interval[1], 0.3339, 0.0001);
});

test('a difference within the margin is no evidence of more', () => {
  const first = { successes: 60, count: 1000 };
  const second = { successes: 50, count: 1000 };
  const without = compareProportions(first, second, { alternative: 'greater' }).pValue;
  const beyond = compareProportions(first, second, { alternative: 'greater', margin: 0.02 }).pValue;
  assert.ok(without < 0.2);
  assert.ok(beyond > 0.8);
});

test('two arms without any event do not differ', () => {
  const { statistic, pValue } = compareProportions({ successes: 0, count: 50 }, { successes: 0, count: 60 });
  assert.equal(statistic, 0);
  assert.equal(pValue, 1);
});

test("Fleiss' published sample size for 50 against 60 % comes out", () => {
  assert.equal(Math.ceil(sampleSizeOfProportions(0.5, 0.6)), 388);
  near(powerOfProportions(0.5, 0.6, 388), 0.8, 0.002);
});

test('half a standard deviation needs the 63 values of each side that tables give', () => {
  assert.equal(Math.ceil(sampleSizeOfMeans(0.5)), 63);
});

test('moments of parts, merged, are those of the whole', () => {
  const normal = seededNormal(1);
  const values = Array.from({ length: 100 }, () => 1e6 + normal());
  const whole = Moments.of(values);
  const merged = Moments.of(values.slice(0, 30));
  merged.merge(Moments.of(values.slice(30)));
  merged.merge(new Moments());
  near(merged.mean, whole.mean, 1e-6);
  near(merged.variance(), whole.variance(), 1e-6);
  assert.equal(Number.isNaN(Moments.of([1]).variance()), true);
});

test('one-sided p-values of a difference add up to 1', () => {
  const first = Moments.of([5, 6, 7, 8]);
  const second = Moments.of([4, 5, 6, 6]);
  const greater = compareMeans(first, second, 'greater').pValue;
  near(greater + compareMeans(first, second, 'less').pValue, 1, 1e-9);
  assert.ok(greater < 0.5);
});

test('effects come with intervals that contain them', () => {
  const difference = standardizedDifference(Moments.of([5, 6, 7, 8]), Moments.of([4, 5, 6, 6]));
  const risk = relativeRisk({ successes: 30, count: 1000 }, { successes: 15, count: 1000 });
  near(risk.value, 2, 1e-9);
  for (const { value, interval } of [difference, risk]) {
    assert.ok(interval[0] < value && value < interval[1]);
  }
});
