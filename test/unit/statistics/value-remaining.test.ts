import assert from 'node:assert/strict';
import { test } from 'node:test';
import { valueRemaining } from '../../../src/statistics/value-remaining.ts';
import { sumsOfSuccesses } from '../../../src/statistics/value-sums.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const question = { leader: 1, confidence: 0.95, posterior: 'beta' } as const;
const none = sumsOfSuccesses(0, 0);

test('of two arms of which nothing is known each is the best half of the time, and another may be better by much', () => {
  const { best, remaining } = valueRemaining([none, none], question, seededRandom(1));
  assert.ok(Math.abs(best - 0.5) < 0.04, String(best));
  // The difference of two uniform numbers is above 1 - sqrt(0.1) one time in twenty.
  assert.ok(Math.abs(remaining - (1 - Math.sqrt(0.1))) < 0.03, String(remaining));
});

test('what remains agrees with the normal approximation of two proportions', () => {
  const arms = [sumsOfSuccesses(1000, 10_000), sumsOfSuccesses(1050, 10_000)];
  const { best, remaining } = valueRemaining(arms, question, seededRandom(1));
  const error = Math.sqrt((0.1 * 0.9 + 0.105 * 0.895) / 10_000);
  // P(Z < 0.005 / error) = 0.879, and the quantile of 0.95 of the other's lead.
  assert.ok(Math.abs(best - 0.879) < 0.02, String(best));
  assert.ok(Math.abs(remaining - (1.645 * error - 0.005)) < 0.0005, String(remaining));
});

test('nothing remains of an arm that is the best with the probability that was asked for', () => {
  for (const posterior of ['beta', 'normal'] as const) {
    const arms = [sumsOfSuccesses(10, 1000), sumsOfSuccesses(200, 1000), sumsOfSuccesses(90, 1000)];
    const found = valueRemaining(arms, { ...question, posterior }, seededRandom(1));
    assert.deepEqual(found, { best: 1, remaining: 0 });
  }
});

test('an arm that was never tried may still be the best', () => {
  const arms = [sumsOfSuccesses(500, 1000), sumsOfSuccesses(600, 1000), none];
  const { best, remaining } = valueRemaining(arms, question, seededRandom(1));
  assert.ok(best < 0.65 && remaining > 0.3, `${best} ${remaining}`);
});
