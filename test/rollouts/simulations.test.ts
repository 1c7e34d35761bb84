import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readPlan } from '../../src/rollouts/read-plan.ts';
import { goodVersion, simulateRollout, type SimulatedVersion } from '../support/simulated-rollout.ts';

const plan = readPlan({ model: 'm', stable: 1, candidate: 2, minutes: 1 });

function outcomes(runs: number, harm: Partial<SimulatedVersion>) {
  const candidate = { ...goodVersion, ...harm };
  return Array.from({ length: runs }, (_, seed) =>
    simulateRollout({ plan, stable: goodVersion, candidate, seed: seed + 1 }),
  );
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

test('of 200 rollouts of the same version, at most 5 % are rolled back, and all others end', (t) => {
  const ends = outcomes(200, {});
  const falseAlarms = ends.filter(({ end }) => end === 'roll_back').length;
  t.diagnostic(`${falseAlarms} of 200`);
  assert.ok(falseAlarms <= 10);
  assert.ok(ends.every(({ end }) => end !== 'still running'));
});

test('errors of 5 % instead of 1 % are rolled back, in less than 1,000 requests of the canary in the median', (t) => {
  const ends = outcomes(100, { errorRate: 0.05 });
  const requests = median(ends.map(({ candidateRequests }) => candidateRequests));
  t.diagnostic(`median ${requests} requests`);
  assert.ok(ends.every(({ end }) => end === 'roll_back'));
  assert.ok(requests < 1000);
});

test('2 % of answers that are ten times as slow are caught', (t) => {
  const ends = outcomes(100, { slowRate: 0.02 });
  const caught = ends.filter(({ end }) => end === 'roll_back').length;
  t.diagnostic(
    `${caught} of 100, median ${median(ends.map(({ candidateRequests }) => candidateRequests))} requests`,
  );
  assert.ok(caught >= 95);
});
