import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readPlan } from '../../src/rollouts/read-plan.ts';
import { banditPolicies } from '../../src/statistics/bandit-shares.ts';
import { drawNormal } from '../../src/statistics/random-draws.ts';
import { simulateBandit } from '../support/simulated-bandit.ts';

const unguarded = { errors: false, invalid: false, latency: false };

function planOf(bandit: object, goal: object = { metric: 'bought' }) {
  return readPlan({
    model: 'm',
    strategy: 'bandit',
    stable: 1,
    candidates: [2, 3, 4, 5],
    goal,
    bandit,
    guards: unguarded,
  });
}

/** Version 4 is the best of five. */
const rates = [0.1, 0.08, 0.11, 0.14, 0.09];

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

for (const policy of banditPolicies) {
  test(`${policy} finds the best of five versions, and loses less than equal shares`, (t) => {
    const outcomes = Array.from({ length: 6 }, (_, seed) =>
      simulateBandit({
        plan: planOf({ policy, floor: 2 }),
        reward: (arm, _minute, random) => Number(random() < (rates[arm] ?? 0)),
        minutes: 8 * 60,
        requestsPerMinute: 300,
        seed: seed + 1,
      }),
    );
    const best = outcomes.map(({ shares }) => shares.at(-1)?.[3] ?? 0);
    const earned = outcomes.map(({ earned: sum, requests }) => sum / requests);
    const regrets = outcomes.map(({ live }) => {
      const { bandit } = live.state;
      return (bandit?.regret ?? 0) / (bandit?.equalRegret ?? 1);
    });
    t.diagnostic(
      `the best has ${median(best)} % in the median, ${median(earned).toFixed(4)} rewards a request (equal shares: 0.104, the best: 0.14), regret ${median(regrets).toFixed(2)} of that of equal shares`,
    );
    assert.ok(
      best.every((share) => share > 40),
      best.join(' '),
    );
    assert.ok(median(earned) > 0.12);
    assert.ok(median(regrets) < 0.6);
  });

  test(`${policy} leaves the best version within hours after it has turned bad`, (t) => {
    const shifts = Array.from({ length: 4 }, (_, seed) => {
      const { shares } = simulateBandit({
        plan: planOf({ policy, floor: 5, discount: 0.99 }),
        // Six hours later version 4 is the worst, and version 3 the best.
        reward: (arm, minute, random) =>
          Number(random() < (arm === 3 && minute >= 360 ? 0.04 : (rates[arm] ?? 0))),
        minutes: 14 * 60,
        requestsPerMinute: 300,
        seed: seed + 1,
      });
      const left = shares.findIndex((share, minute) => minute >= 360 && (share[3] ?? 0) < 20);
      return {
        before: shares[359]?.[3] ?? 0,
        minutes: left === -1 ? Infinity : left - 360,
        end: shares.at(-1),
      };
    });
    t.diagnostic(`after ${median(shifts.map(({ minutes }) => minutes))} minutes in the median`);
    assert.ok(shifts.every(({ before }) => before > 35));
    assert.ok(
      shifts.every(({ minutes }) => minutes < 360),
      JSON.stringify(shifts),
    );
    assert.ok(shifts.every(({ end }) => (end?.[3] ?? 0) <= 15));
  });
}

test('without a discount nobody recovers in that time: forgetting is what finds the change', () => {
  const { shares } = simulateBandit({
    plan: planOf({ policy: 'thompson', floor: 5, discount: 1 }),
    reward: (arm, minute, random) =>
      Number(random() < (arm === 3 && minute >= 720 ? 0.09 : (rates[arm] ?? 0))),
    minutes: 18 * 60,
    requestsPerMinute: 300,
    seed: 1,
  });
  assert.ok((shares.at(-1)?.[3] ?? 0) > 50);
});

test('rewards that are amounts are learnt from as well, less ones too', (t) => {
  const seconds = { metric: 'seconds', better: 'lower', range: [0, 60] };
  const means = [20, 22, 19, 16, 21];
  const { shares, live } = simulateBandit({
    plan: planOf({ policy: 'thompson' }, seconds),
    reward: (arm, _minute, random) =>
      Math.min(Math.max(((means[arm] ?? 0) + 10 * drawNormal(random)) / 60, 0), 1),
    minutes: 300,
    requestsPerMinute: 100,
    seed: 3,
  });
  t.diagnostic(JSON.stringify(shares.at(-1)));
  assert.ok((shares.at(-1)?.[3] ?? 0) > 60);
  const report = live.report(0);
  assert.ok(Math.abs((report.arms[3]?.mean ?? 0) - 16) < 1);
});

const endings: readonly (readonly [string, readonly number[], number])[] = [
  ['a version that is better by twice what is worth waiting for', [0.1, 0.12], 0.03],
  ['versions that differ by a hair more than what is worth waiting for', [0.1, 0.1101], 0.25],
];
for (const [what, rewards, allowed] of endings) {
  test(`a bandit that ends by itself finds ${what} in all but ${allowed * 100} % of the runs`, (t) => {
    const runs = 200;
    const candidates = rewards.slice(1).map((_, index) => index + 2);
    const plan = readPlan({
      model: 'm',
      strategy: 'bandit',
      stable: 1,
      candidates,
      goal: { metric: 'bought' },
      bandit: { end: { effect: 0.01, samples: 1000, minutes: 0 } },
      guards: unguarded,
    });
    const ends = Array.from({ length: runs }, (_, seed) => {
      const { end, live } = simulateBandit({
        plan,
        reward: (arm, _minute, random) => Number(random() < (rewards[arm] ?? 0)),
        minutes: 24 * 60,
        requestsPerMinute: 300,
        seed: seed + 1,
      });
      assert.ok(end !== undefined, `run ${seed} has not ended in a day`);
      return { minute: end.minute, right: live.state.bandit?.outlook?.leader === 1 };
    });
    const wrong = ends.filter(({ right }) => !right).length / runs;
    t.diagnostic(
      `${wrong * 100} % wrong, after ${median(ends.map(({ minute }) => minute))} minutes in the median`,
    );
    assert.ok(wrong <= allowed, `${wrong}`);
  });
}
