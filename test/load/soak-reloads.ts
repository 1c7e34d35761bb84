/**
 * npm run soak:reloads [-- --quick]: 1,000 loads of a model and 200 readings of the configuration under load fail no request
 * and leave no memory behind. With --quick a fifth of them.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reloadUnderLoad } from './reloads.ts';
import { describeGrowth, growthOfSecondHalf, isSteady } from './rss-growth.ts';

const share = process.argv.includes('--quick') ? 0.2 : 1;

test('reloads under load fail no request, and memory is steady', { timeout: 900_000 }, async (t) => {
  const outcome = await reloadUnderLoad({ modelReloads: 1000 * share, configReloads: 200 * share });
  const growth = growthOfSecondHalf(outcome.readings);
  t.diagnostic(`${outcome.answered} answered, ${describeGrowth(growth)}`);
  const tenths = outcome.readings.filter((_, index) => index % (outcome.readings.length / 10) === 0);
  t.diagnostic(`MiB at every tenth: ${tenths.map((bytes) => Math.round(bytes / 2 ** 20)).join(' ')}`);
  assert.deepEqual(outcome.failures, []);
  assert.ok(isSteady(growth), describeGrowth(growth));
});
