import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newState, readStored, storedForm } from '../../../src/rollouts/state.ts';
import { buildBandit } from '../../support/build-bandit.ts';
import { simulateBandit } from '../../support/simulated-bandit.ts';

const rates = [0.1, 0.3, 0.2];
const reward = (arm: number, _minute: number, random: () => number): number =>
  Number(random() < (rates[arm] ?? 0));
const usual = { reward, minutes: 60, requestsPerMinute: 200, seed: 1 };

test('a bandit goes to the best version, leaves each its floor, and tells how it came there', () => {
  const { live } = simulateBandit({ ...usual, plan: buildBandit() });
  const report = live.report(0);
  assert.deepEqual(
    report.arms.map(({ label, percent }) => [label, percent >= 10]),
    [
      ['v1', true],
      ['v2', true],
      ['v3', true],
    ],
  );
  assert.ok((report.arms[1]?.percent ?? 0) > 70);
  assert.ok(Math.abs((report.arms[1]?.mean ?? 0) - 0.3) < 0.03);
  assert.ok((report.bandit?.regret ?? 1) < (report.bandit?.equal_regret ?? 0) / 2);
  assert.ok((report.bandit?.shares.length ?? 0) > 2);
  const words = report.verdict.join('\n');
  assert.match(words, /^Tried: 3 versions of m by thompson, each with 10 % at least/);
  assert.match(
    words,
    /v2: version 2 has [78]\d(\.\d+)? % of the traffic, bought 0\.\d+ \(\d+ observations\)/,
  );
  assert.match(words, /Found: v2 is ahead/);
  assert.match(words, /Mind: a bandit's means are not those of an unbiased test/);
});

test('the same requests give the same weights, also when another process goes on in the middle', () => {
  const plan = buildBandit();
  const [one, other] = [1, 2].map(() => simulateBandit({ ...usual, plan }));
  assert.deepEqual(one?.shares, other?.shares);
  const state = one?.live.kept();
  assert.ok(state !== undefined);
  const again = readStored(JSON.parse(JSON.stringify(storedForm(state))));
  assert.deepEqual(again.bandit, state.bandit);
});

test('a version that is not ready has nothing, and gets its part when it comes', () => {
  const { shares } = simulateBandit({
    ...usual,
    plan: buildBandit(),
    minutes: 4,
    ready: (minute) => [true, true, minute >= 2],
  });
  assert.deepEqual(
    shares.slice(0, 2).map((weights) => weights[2]),
    [0, 0],
  );
  assert.ok((shares[2]?.[2] ?? 0) >= 10);
});

test('a process that has just started, whose models are still loading, leaves the shares as they are', () => {
  const { live } = simulateBandit({ ...usual, plan: buildBandit() });
  const state = live.reweighed([true, true, true], 0);
  assert.ok(state !== undefined);
  live.state = state;
  assert.equal(live.reweighed([false, false, false], 0), undefined);
  assert.equal(live.reweighed([true, true, false], 0), undefined);
});

test('without any candidate the stable version serves everybody', () => {
  const ready = (minute: number) => [true, minute < 1, minute < 1];
  const { shares } = simulateBandit({ ...usual, plan: buildBandit(), minutes: 3, ready });
  assert.deepEqual(shares.at(-1), [100, 0, 0]);
});

test('an arm that a guard finds harmful is dropped, and the last one ends the bandit', () => {
  const plan = buildBandit({ guards: { latency: false } });
  const { live } = simulateBandit({ ...usual, plan, minutes: 1 });
  const durations = live.state.bandit?.requests.map(() => []) ?? [];
  const failing = {
    requests: 100,
    failures: 60,
    invalid: 0,
    broken: 0,
    compared: 0,
    differed: 0,
    dropped: 0,
  };
  const fine = { ...failing, failures: 0 };
  const parts = [fine, failing, fine].map((arm, index) => ({
    ...arm,
    durations: durations[index] ?? [],
    metrics: {},
  }));
  for (let look = 0; look < 5; look++) live.digest({ model: 'm', experiment: plan.name, arms: parts }, 0);
  const decision = live.decide([true, true, true]);
  assert.equal(decision.kind, 'drop');
  assert.match(decision.why, /^errors: 5\d % of \d+ v2 requests against 0 % of \d+ v1/);
  const bandit = live.state.bandit;
  assert.ok(bandit !== undefined);
  live.state = { ...live.state, bandit: { ...bandit, dropped: ['v2'] } };
  assert.equal(live.reweighed([true, true, true], 0)?.bandit?.weights[1], 0);
  const broke = parts.map((arm, index) => ({ ...arm, broken: index === 2 ? 1 : 0 }));
  live.digest({ model: 'm', experiment: plan.name, arms: broke }, 0);
  assert.equal(live.decide([true, true, true]).kind, 'roll_back');
});

test('a night without rewards makes nobody forget', () => {
  const plan = buildBandit({ bandit: { discount: 0.9 } });
  const day = simulateBandit({ ...usual, plan });
  const before = day.live.state.bandit?.rewards;
  for (let minute = 0; minute < 100; minute++) {
    day.live.pass(60_000, 0);
    const state = day.live.reweighed([true, true, true], 0);
    if (state !== undefined) day.live.state = state;
  }
  const after = day.live.state.bandit?.rewards;
  // The last minute's rewards were still to be taken in.
  assert.ok((after?.[1]?.count ?? 0) >= 0.85 * (before?.[1]?.count ?? Infinity));
});

test('a stored bandit of another shape is begun anew', () => {
  const state = newState(buildBandit(), 0, { atEpochMs: 0, who: 'a', what: 'started', why: '' });
  const raw = JSON.parse(JSON.stringify(storedForm(state)));
  raw.bandit.weights = [1, 2];
  assert.deepEqual(readStored(raw).bandit?.weights, [10_000, 0, 0]);
});

const refused: readonly (readonly [object, RegExp])[] = [
  [{ candidates: [2, 2] }, /candidates: a version is there twice/],
  [{ candidates: [1, 2] }, /same version/],
  [{ candidate: 2 }, /candidate: a version is needed/],
  [{ candidates: [] }, /candidates/],
  [{ bandit: { floor: 40 } }, /3 versions cannot have 40 % each/],
  [{ bandit: { policy: 'luck' } }, /bandit.policy/],
  [{ bandit: { minutes: 0 } }, /bandit.minutes/],
  [{ goal: { metric: 'success', better: 'lower' } }, /success is 1 or 0/],
  [{ goal: { metric: 'x', range: [1, 1] } }, /goal.range/],
  [{ strategy: 'canary' }, /candidates: a rollout of strategy canary has one candidate/],
  [{ labels: { stable: 'x', candidate: 'y' } }, /labels/],
  [{ promote: true }, /promote: is for an A\/B test/],
  [{ design: {} }, /design: a rollout of strategy bandit has none/],
  [{ percent: 50 }, /percent/],
];
for (const [overrides, message] of refused) {
  test(`a plan of a bandit with ${JSON.stringify(overrides)} is refused`, () => {
    assert.throws(() => buildBandit(overrides), { reason: 'ROLLOUT_PLAN', message });
  });
}
