import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noDelta } from '../../../src/rollouts/arm-delta.ts';
import { Guards } from '../../../src/rollouts/guards.ts';
import { sumsOfSuccesses } from '../../../src/statistics/value-sums.ts';
import { readPlan } from '../../../src/rollouts/read-plan.ts';
import { goodVersion, simulateRollout, type SimulatedVersion } from '../../support/simulated-rollout.ts';

const plan = readPlan({ model: 'm', stable: 1, candidate: 2, minutes: 1, samples: 500 });

const harms: readonly (readonly [string, Partial<SimulatedVersion>, RegExp])[] = [
  ['five times the errors', { errorRate: 0.05 }, /^errors/],
  ['two of a hundred answers ten times as slow', { slowRate: 0.02 }, /^latency p99/],
  ['some answers that are no numbers', { invalidRate: 0.02 }, /^invalid/],
];
for (const [title, harm, why] of harms) {
  test(`a candidate with ${title} is rolled back`, () => {
    for (let seed = 0; seed < 3; seed++) {
      const candidate = { ...goodVersion, ...harm };
      const outcome = simulateRollout({ plan, stable: goodVersion, candidate, seed });
      assert.equal(outcome.end, 'roll_back');
      assert.match(outcome.why, why);
    }
  });
}

test('a step that is over after one look is judged by what that look has seen', () => {
  const quick = readPlan({ model: 'm', stable: 1, candidate: 2, minutes: 0, samples: 100, steps: [20, 100] });
  const candidate = { ...goodVersion, invalidRate: 1 };
  for (const requestsPerTick of [600, 2000, 20_000]) {
    const outcome = simulateRollout({
      plan: quick,
      stable: goodVersion,
      candidate,
      seed: 1,
      requestsPerTick,
    });
    assert.equal(outcome.end, 'roll_back', `${requestsPerTick} requests`);
    assert.match(outcome.why, /^invalid: 100 %/);
  }
});

test('a candidate that is as good is promoted', () => {
  for (let seed = 0; seed < 5; seed++) {
    const outcome = simulateRollout({ plan, stable: goodVersion, candidate: goodVersion, seed });
    assert.equal(outcome.end, 'complete', outcome.why);
  }
});

test('guards go on from what was kept of them as if nothing had happened', () => {
  const whole = new Guards(plan);
  let pieces = new Guards(plan);
  const durations = Array.from({ length: 20 }, (_, bucket) => bucket);
  for (let tick = 0; tick < 20; tick++) {
    const stable = { ...noDelta, requests: 200, failures: tick % 3, durations };
    const candidate = { ...noDelta, requests: 20, failures: tick % 2, durations };
    whole.observe(stable, candidate);
    pieces.observe(stable, candidate);
    pieces = new Guards(plan, JSON.parse(JSON.stringify(pieces.state())));
  }
  assert.deepEqual(pieces.findings(), whole.findings());
});

test('a state that makes no sense is begun anew', () => {
  const guards = new Guards(plan, { tests: { errors: { candidate: 'x' } }, durations: [-1] });
  assert.equal(guards.findings()[0]?.finding.candidate.count, 0);
});

test('answers of a shadow that differ more often than allowed are harm', () => {
  const shadow = readPlan({ model: 'm', stable: 1, candidate: 2, strategy: 'shadow' });
  const refutedAfter = (differed: number): boolean => {
    const guards = new Guards(shadow);
    for (let tick = 0; tick < 50; tick++) {
      const candidate = { ...noDelta, requests: 100, compared: 100, differed };
      guards.observe({ ...noDelta, requests: 100 }, candidate);
    }
    return guards.findings().some(({ name, refuted }) => name === 'disagreement' && refuted);
  };
  assert.equal(refutedAfter(1), false);
  assert.equal(refutedAfter(5), true);
});

test('a business metric that is lower is harm where higher is better, and not the other way round', () => {
  for (const [better, harm] of [
    ['higher', true],
    ['lower', false],
  ] as const) {
    const metric = readPlan({
      model: 'm',
      stable: 1,
      candidate: 2,
      guards: { metric: { name: 'conversion', better } },
    });
    const guards = new Guards(metric);
    for (let tick = 0; tick < 100; tick++) {
      guards.observe(
        { ...noDelta, metrics: { conversion: sumsOfSuccesses(20, 100), other: sumsOfSuccesses(0, 9) } },
        { ...noDelta, metrics: { conversion: sumsOfSuccesses(5, 50) } },
      );
    }
    const found = guards.findings().find(({ name }) => name === 'metric conversion');
    assert.equal(found?.refuted, harm);
  }
});
