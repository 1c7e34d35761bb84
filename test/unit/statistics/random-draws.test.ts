import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drawBeta, drawGamma, drawNormal } from '../../../src/statistics/random-draws.ts';
import { Moments } from '../../../src/statistics/moments.ts';
import { seededRandom } from '../../../src/util/seeded-random.ts';

const cases = [
  ['normal', drawNormal, 0, 1],
  ['gamma of shape 4', (random: () => number) => drawGamma(4, random), 4, 4],
  ['gamma of a shape below 1', (random: () => number) => drawGamma(0.5, random), 0.5, 0.5],
  ['beta', (random: () => number) => drawBeta(2, 6, random), 0.25, 0.25 * 0.75 * (1 / 9)],
] as const;

for (const [name, draw, mean, variance] of cases) {
  test(`draws of the ${name} distribution have its mean and variance`, () => {
    const random = seededRandom(7);
    const drawn = Moments.of(Array.from({ length: 20_000 }, () => draw(random)));
    assert.ok(Math.abs(drawn.mean - mean) < 4 * Math.sqrt(variance / 20_000));
    assert.ok(Math.abs(drawn.variance() / variance - 1) < 0.1);
  });
}
