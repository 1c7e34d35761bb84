import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readPlan } from '../../../src/rollouts/read-plan.ts';
import { readStored, storedForm } from '../../../src/rollouts/state.ts';
import { buildBandit } from '../../support/build-bandit.ts';
import { simulateBandit } from '../../support/simulated-bandit.ts';

const hourMs = 60 * 60 * 1000;

const planOf = (end: object) => buildBandit({ bandit: { floor: 10, end } });

const rewardsOf =
  (rates: readonly number[]) =>
  (arm: number, _minute: number, random: () => number): number =>
    Number(random() < (rates[arm] ?? 0));
const clear = rewardsOf([0.1, 0.3, 0.2]);
const usual = { reward: clear, minutes: 240, requestsPerMinute: 200, seed: 1 };

test('a bandit that ends by itself gives everybody to the version that no other is better than, and says so', () => {
  const { end, live } = simulateBandit({
    ...usual,
    plan: planOf({ effect: 0.02, samples: 500, minutes: 0 }),
  });
  assert.equal(end?.decision.kind, 'promote');
  assert.match(
    end?.decision.why ?? '',
    /^no other version is better than v2 by more than 0\.02 with a probability of 0\.95, and v2 is the best with one of [01][\d.]*: bought 0\.\d+ in \d+ observations$/,
  );
  const { bandit } = live.report(0);
  assert.equal(bandit?.ends_at, 0.02);
  assert.ok((bandit?.remaining ?? 1) <= 0.02);
});

test('it waits for its observations of each version, for its least time, and for what may remain', () => {
  const alike = rewardsOf([0.2, 0.2, 0.2]);
  const minutes = (count: number, end: object, reward = clear) =>
    simulateBandit({ ...usual, reward, minutes: count, plan: planOf(end) }).live.decide([true, true, true]);
  const few = minutes(5, { effect: 0.02, samples: 500, minutes: 0 });
  assert.match(few.why, /^v\d has \d+ of 500 observations$/);
  const early = minutes(120, { effect: 0.02, samples: 500, minutes: 600 });
  assert.deepEqual([early.kind, early.why], ['hold', '8 h left of its least time']);
  const close = minutes(4, { effect: 0.0001, samples: 10, minutes: 0 }, alike);
  assert.match(close.why, /^another version may be better than v\d by 0\.\d+, and it ends at 0\.0001$/);
});

test('when the stable version is as good as the best the bandit is finished with it', () => {
  const reward = rewardsOf([0.4, 0.3, 0.2]);
  const { end } = simulateBandit({
    ...usual,
    reward,
    plan: planOf({ effect: 0.02, samples: 500, minutes: 0 }),
  });
  assert.equal(end?.decision.kind, 'complete');
  assert.match(end?.decision.why ?? '', /better than v1 /);
});

test('after the time that it has at most it ends without a winner, and says what was missing', () => {
  const reward = rewardsOf([0.2, 0.2, 0.2]);
  const plan = planOf({ effect: 0.0001, samples: 10, minutes: 0, mostMinutes: 120 });
  const { end } = simulateBandit({ ...usual, reward, plan });
  assert.deepEqual([end?.decision.kind, end?.minute], ['complete', 119]);
  assert.match(end?.decision.why ?? '', /^2 h have passed, and still: another version may be better than v/);
});

test('a version that was dropped is not waited for, and one that is away keeps the end waiting', () => {
  const plan = planOf({ effect: 0.02, samples: 500, minutes: 0 });
  const { live } = simulateBandit({ ...usual, plan, minutes: 200, ready: () => [true, true, false] });
  const waits = live.decide([true, true, false]);
  assert.deepEqual([waits.kind, waits.why], ['hold', 'v3 has 0 of 500 observations']);
  const { bandit } = live.state;
  assert.ok(bandit !== undefined);
  live.state = { ...live.state, bandit: { ...bandit, dropped: ['v3'] } };
  live.state = live.reweighed([true, true, false], 0) ?? live.state;
  assert.equal(live.decide([true, true, false]).kind, 'promote');
  const gone = live.decide([true, false, false]);
  assert.deepEqual([gone.kind, gone.why], ['hold', 'version 2 is not ready']);
});

test('a pause holds the end back', () => {
  const { live, end } = simulateBandit({
    ...usual,
    plan: planOf({ effect: 0.02, samples: 500, minutes: 0 }),
  });
  assert.ok(end !== undefined);
  live.state = { ...live.state, phase: 'paused' };
  assert.equal(live.decide([true, true, true]).kind, 'hold');
});

test('what is known of the leader outlives the process', () => {
  const { live } = simulateBandit({ ...usual, plan: planOf({ effect: 0.02, samples: 500, minutes: 600 }) });
  const again = readStored(JSON.parse(JSON.stringify(storedForm(live.kept()))));
  assert.deepEqual(again.bandit?.outlook, live.state.bandit?.outlook);
  assert.equal(again.stepMs, 4 * hourMs);
});

test('a bandit that never ends says so, and one that has ended says what versions had', () => {
  const plan = readPlan({ ...Object(planOf({ effect: 0.02 }).document), bandit: { floor: 10 } });
  const { live } = simulateBandit({ ...usual, plan, minutes: 60 });
  const words = live.report(0).verdict.join('\n');
  assert.match(
    words,
    /To do: nothing; it goes on until somebody ends it\. promote gives everybody to v2 now/,
  );
  live.state = { ...live.state, phase: 'promoted', winner: 1 };
  const over = live.report(0).verdict.join('\n');
  assert.match(over, /v2: version 2 had \d/);
  assert.match(over, /To do: nothing; v2 serves everybody\./);
});

const refused: readonly (readonly [object, RegExp])[] = [
  [{}, /bandit\.end\.effect/],
  [{ effect: 0 }, /bandit\.end\.effect/],
  [{ effect: 1 }, /bandit\.end\.effect: must be less than the goal's range, 1/],
  [{ effect: 0.1, confidence: 1 }, /bandit\.end\.confidence/],
  [{ effect: 0.1, mostMinutes: 60 }, /mostMinutes: is less than bandit\.end\.minutes, 1440/],
  [{ effect: 0.1, hours: 1 }, /bandit\.end/],
];
for (const [end, message] of refused) {
  test(`an end of ${JSON.stringify(end)} is refused`, () => {
    assert.throws(() => planOf(end), { reason: 'ROLLOUT_PLAN', message });
  });
}
