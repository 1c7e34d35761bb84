import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Alternative } from '../../src/statistics/alternative.ts';
import { testIndependence, testProportions } from '../../src/statistics/chi-square.ts';
import { benjaminiHochberg, holm } from '../../src/statistics/corrections.ts';
import { jensenShannonDistance } from '../../src/statistics/divergence.ts';
import { cohensH, relativeRisk } from '../../src/statistics/effect-size.ts';
import { compareDistributions } from '../../src/statistics/kolmogorov-smirnov.ts';
import { compareRanks } from '../../src/statistics/mann-whitney.ts';
import { Moments } from '../../src/statistics/moments.ts';
import { sampleSizeOfMeans, sampleSizeOfProportions } from '../../src/statistics/power.ts';
import {
  chiSquareSurvival,
  kolmogorovSurvival,
  normalCdf,
  normalQuantile,
  studentTwoSided,
  studentTwoSidedQuantile,
} from '../../src/statistics/special-functions.ts';
import { compareProportions, wilsonInterval } from '../../src/statistics/two-proportions.ts';
import { wassersteinDistance } from '../../src/statistics/wasserstein.ts';
import { compareMeans } from '../../src/statistics/welch.ts';
import { runPython } from '../support/run-python.ts';
import { seededNormal } from '../support/seeded-random.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';
import { findPythonPackage } from '../support/tools.ts';

const { skip } = findPythonPackage('statsmodels');

const normal = seededNormal(11);
const first = Array.from({ length: 180 }, () => 4 * normal());
const second = Array.from({ length: 240 }, () => 1 + 3 * normal());
const firstCounts = [12, 30, 55, 40, 9];
const secondCounts = [20, 28, 41, 60, 22];
const pValues = [0.01, 0.04, 0.03, 0.005, 0.8, 0.5, 0.03];

const fewer = { successes: 30, count: 1000 };
const more = { successes: 45, count: 1100 };

function byAlternative(alternative: Alternative): Readonly<Record<string, readonly number[]>> {
  const welch = compareMeans(Moments.of(first), Moments.of(second), alternative);
  const ranks = compareRanks(first, second, alternative);
  const tied = compareRanks(first.map(Math.round), second.map(Math.round), alternative);
  const proportions = compareProportions(fewer, more, { alternative });
  return {
    [`welch ${alternative}`]: [welch.statistic, welch.degreesOfFreedom, welch.pValue],
    [`ranks ${alternative}`]: [ranks.statistic, ranks.pValue],
    [`tied ranks ${alternative}`]: [tied.statistic, tied.pValue],
    [`proportions ${alternative}`]: [proportions.statistic, proportions.pValue],
  };
}

function ours(): Readonly<Record<string, readonly number[]>> {
  const goodness = testProportions(firstCounts, [1, 1, 1, 1, 1]);
  const independence = testIndependence([firstCounts, secondCounts]);
  const positions = firstCounts.map((_, index) => index);
  return {
    ...byAlternative('different'),
    ...byAlternative('greater'),
    ...byAlternative('less'),
    'welch interval': compareMeans(Moments.of(first), Moments.of(second), 'different', 0.9).interval,
    wilson: wilsonInterval(fewer),
    newcombe: compareProportions(fewer, more).interval,
    goodness: [goodness.statistic, goodness.pValue],
    independence: [independence.statistic, independence.degreesOfFreedom, independence.pValue],
    'jensen-shannon': [jensenShannonDistance(firstCounts, secondCounts)],
    wasserstein: [wassersteinDistance({ values: first }, { values: second })],
    'weighed wasserstein': [
      wassersteinDistance(
        { values: positions, weights: firstCounts },
        { values: positions, weights: secondCounts },
      ),
    ],
    holm: holm(pValues),
    'benjamini-hochberg': benjaminiHochberg(pValues),
    'means size': [sampleSizeOfMeans(0.2, { power: 0.9, ratio: 2 })],
    'relative risk': relativeRisk(fewer, more).interval,
    "cohen's h": [cohensH(0.3, 0.1)],
    normal: [...[-8, -1.96, 0, 1, 6].map(normalCdf), ...[1e-9, 0.025, 0.5, 0.9].map(normalQuantile)],
    student: [...[1, 3.7, 30, 1e6].map((df) => studentTwoSided(2.5, df)), studentTwoSidedQuantile(0.01, 4.5)],
    'chi-square': [
      chiSquareSurvival(3.84, 1),
      chiSquareSurvival(0.1, 5),
      chiSquareSurvival(120, 100),
      chiSquareSurvival(5000, 3),
    ],
    kolmogorov: [0.1, 0.25, 0.8, 1.36, 3].map(kolmogorovSurvival),
  };
}

function close(actual: number | undefined, expected: number | undefined, relative: number): boolean {
  const [a = Number.NaN, b = Number.NaN] = [actual, expected];
  return Math.abs(a - b) <= relative * Math.max(Math.abs(b), 1e-12);
}

test('statistics agree with scipy and statsmodels', { skip }, async (t) => {
  using folder = new TemporaryFolder();
  const file = join(folder.path, 'samples.json');
  writeFileSync(file, JSON.stringify({ first, second, firstCounts, secondCounts, pValues }));
  const printed = await runPython('statistics_reference.py', [file]);
  const reference = JSON.parse(printed) as Readonly<Record<string, readonly number[]>>;
  for (const [name, values] of Object.entries(ours())) {
    await t.test(name, () => {
      const expected = reference[name] ?? [];
      assert.equal(values.length, expected.length);
      for (const [index, value] of values.entries()) {
        assert.ok(close(value, expected[index], 1e-6), `${value} is not ${expected[index]}`);
      }
    });
  }
  await t.test('what is approximated in another way is close', () => {
    const { statistic, pValue } = compareDistributions(first, second);
    assert.ok(close(statistic, reference['smirnov']?.[0], 1e-9));
    assert.ok(close(pValue, reference['smirnov']?.[1], 0.05), `${pValue} ${reference['smirnov']?.[1]}`);
    const size = sampleSizeOfProportions(0.05, 0.07);
    assert.ok(close(size, reference['proportions size']?.[0], 0.02), `${size}`);
  });
});
