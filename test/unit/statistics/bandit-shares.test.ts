import assert from 'node:assert/strict';
import { test } from 'node:test';
import { banditPolicies, banditShares, type BanditRule } from '../../../src/statistics/bandit-shares.ts';
import { noValues, sumsOfSuccesses } from '../../../src/statistics/value-sums.ts';
import { seededRandom } from '../../../src/util/seeded-random.ts';

const rule: Omit<BanditRule, 'policy'> = { epsilon: 0.1, floor: 0.05, posterior: 'beta' };
const known = [sumsOfSuccesses(500, 1000), sumsOfSuccesses(700, 1000), sumsOfSuccesses(300, 1000)];

for (const policy of banditPolicies) {
  test(`${policy} gives most to the best, the floor to all, and all of it`, () => {
    const shares = banditShares(known, { ...rule, policy }, seededRandom(1));
    assert.ok((shares[1] ?? 0) > 0.7, shares.join(' '));
    assert.ok(shares.every((share) => share >= 0.05));
    assert.ok(Math.abs(shares.reduce((sum, share) => sum + share, 0) - 1) < 1e-9);
  });

  test(`${policy} tries what has not been tried`, () => {
    const shares = banditShares([...known, noValues], { ...rule, policy }, seededRandom(1));
    assert.ok((shares[3] ?? 0) > 0.1, shares.join(' '));
  });

  test(`${policy} gives the same for the same seed, and everything to an arm that is alone`, () => {
    const twice = [1, 2].map(() => banditShares(known, { ...rule, policy }, seededRandom(5)));
    assert.deepEqual(twice[0], twice[1]);
    assert.deepEqual(banditShares([noValues], { ...rule, policy }, seededRandom(5)), [1]);
  });
}

test('of amounts that differ little, a small difference is enough', () => {
  const amounts = (mean: number) => ({ count: 500, sum: 500 * mean, squares: 500 * (mean * mean + 1e-4) });
  const arms = [amounts(0.5), amounts(0.505)];
  const [, normal = 0] = banditShares(
    arms,
    { ...rule, policy: 'thompson', posterior: 'normal' },
    seededRandom(2),
  );
  const [, beta = 0] = banditShares(arms, { ...rule, policy: 'thompson' }, seededRandom(2));
  assert.ok(normal > 0.9 && beta < 0.7, `${normal} ${beta}`);
});
