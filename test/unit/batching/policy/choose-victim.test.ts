import assert from 'node:assert/strict';
import { test } from 'node:test';

import { chooseVictim } from '../../../../src/batching/policy/choose-victim.ts';

for (const { name, shares, newcomer, victim } of [
  { name: 'nobody where nobody waits', shares: [], newcomer: { queuedRows: 1, weight: 1 }, victim: -1 },
  {
    name: 'whoever has most for its weight',
    shares: [
      { queuedRows: 50, weight: 1 },
      { queuedRows: 90, weight: 3 },
    ],
    newcomer: { queuedRows: 1, weight: 1 },
    victim: 0,
  },
  {
    name: 'nobody when the newcomer has as much',
    shares: [{ queuedRows: 50, weight: 1 }],
    newcomer: { queuedRows: 50, weight: 1 },
    victim: -1,
  },
  {
    name: 'somebody with fewer rows but less weight',
    shares: [{ queuedRows: 20, weight: 1 }],
    newcomer: { queuedRows: 30, weight: 2 },
    victim: 0,
  },
]) {
  test(`gives up ${name}`, () => {
    assert.equal(chooseVictim(shares, newcomer), victim);
  });
}
