import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noDelta } from '../../src/rollouts/arm-delta.ts';
import { LiveRollout } from '../../src/rollouts/live-rollout.ts';
import { readPlan } from '../../src/rollouts/read-plan.ts';
import { newState } from '../../src/rollouts/state.ts';
import { seededRandom } from '../support/seeded-random.ts';

const runs = 200;

function planOf(looks: number | 'always') {
  return readPlan({
    model: 'm',
    strategy: 'ab',
    stable: 1,
    candidate: 2,
    minutes: 0,
    goal: { metric: 'bought' },
    design: { baseline: 0.1, effect: 0.03, looks },
    guards: { errors: false, invalid: false, latency: false },
    promote: true,
  });
}

/** What so many A/B tests decide, looked at after every 100 requests, and the observations that they took. */
function decisions(looks: number | 'always', candidateRate: number) {
  const plan = planOf(looks);
  return Array.from({ length: runs }, (_, seed) => {
    const random = seededRandom(seed + 1);
    const entry = { atEpochMs: 0, who: 't', what: 'started', why: '' };
    const live = new LiveRollout({ ...newState(plan, 0, entry), phase: 'running' });
    for (;;) {
      const arms = [0.1, candidateRate].map((rate) => {
        let sum = 0;
        for (let request = 0; request < 50; request++) sum += Number(random() < rate);
        return { ...noDelta, requests: 50, metrics: { bought: { count: 50, sum, squares: sum } } };
      });
      live.digest({ model: 'm', experiment: plan.name, arms }, 0);
      live.pass(300, 0);
      const { kind } = live.decide([true, true]);
      const { trial } = live.state;
      if (kind !== 'hold') return { kind, outcome: trial?.look?.outcome, count: trial?.candidate.count ?? 0 };
    }
  });
}

for (const looks of [5, 'always'] as const) {
  test(`of ${runs} A/A tests with ${looks} looks, at most 8 % find a difference`, (t) => {
    const found = decisions(looks, 0.1).filter(({ outcome }) => outcome !== 'open').length;
    t.diagnostic(`${found} of ${runs}`);
    // Of a nominal 5 %: beyond 16 is one in 40 by chance.
    assert.ok(found <= 16, String(found));
  });

  test(`with ${looks} looks the planned numbers find a difference of that size four times of five, and promote it`, (t) => {
    const ends = decisions(looks, 0.13);
    const better = ends.filter(({ outcome }) => outcome === 'better');
    const mean = ends.reduce((sum, { count }) => sum + count, 0) / runs;
    t.diagnostic(
      `${better.length} of ${runs}, after ${Math.round(mean)} of ${planOf(looks).design?.candidateSamples ?? 0} planned observations each on average`,
    );
    assert.ok(better.length >= 150, String(better.length));
    assert.ok(better.every(({ kind }) => kind === 'promote'));
    assert.ok(ends.every(({ kind, outcome }) => outcome === 'better' || kind === 'complete'));
  });
}
