import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BoundedMeanSequence } from '../../../src/statistics/bounded-mean-sequence.ts';
import { differenceSoFar } from '../../../src/statistics/difference-sequence.ts';
import { Moments } from '../../../src/statistics/moments.ts';
import { ProportionSequence } from '../../../src/statistics/proportion-sequence.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const alpha = 0.05;

/** Of runs in which some interval did not contain the truth. */
function shareMissed(runs: number, missed: (random: () => number) => boolean): number {
  const random = seededRandom(42);
  let count = 0;
  for (let run = 0; run < runs; run++) if (missed(random)) count++;
  return count / runs;
}

for (const truth of [0.01, 0.3]) {
  test(`the intervals of a proportion of ${truth}, taken after each observation, all contain it in 95 % of runs`, () => {
    const share = shareMissed(100, (random) => {
      const sequence = new ProportionSequence();
      for (let i = 0; i < 200; i++) {
        sequence.observe(random() < truth ? 1 : 0);
        if (sequence.pValue(truth) <= alpha) return true;
      }
      return false;
    });
    assert.ok(share <= 0.08, `${share}`);
  });
}

test('the intervals of a bounded mean, taken after each observation, all contain it in 95 % of runs', () => {
  const share = shareMissed(200, (random) => {
    const sequence = new BoundedMeanSequence(alpha);
    for (let i = 0; i < 300; i++) {
      sequence.observe(random() ** 2);
      const [low, high] = sequence.interval();
      if (low > 1 / 3 || high < 1 / 3) return true;
    }
    return false;
  });
  assert.ok(share <= 0.06, `${share}`);
});

test('the intervals of the difference of two means contain it in 95 % of runs', () => {
  const share = shareMissed(100, (random) => {
    const first = new Moments();
    const second = new Moments();
    for (let i = 0; i < 500; i++) {
      first.add(random());
      second.add(random() - 0.1);
      const { interval } = differenceSoFar(first, second, { alpha, effect: 0.05 });
      if (interval[0] > 0.1 || interval[1] < 0.1) return true;
    }
    return false;
  });
  assert.ok(share <= 0.08, `${share}`);
});

test('a proportion is known within narrowing bounds, which are those of its p-values', () => {
  const sequence = new ProportionSequence();
  assert.deepEqual(sequence.interval(alpha), [0, 1]);
  sequence.observe(20, 100);
  const early = sequence.interval(alpha);
  sequence.observe(180, 900);
  const late = sequence.interval(alpha);
  assert.ok(early[0] < late[0] && late[0] < 0.2 && 0.2 < late[1] && late[1] < early[1]);
  assert.ok(Math.abs(sequence.pValue(late[1]) - alpha) < 1e-6);
});

test('a proportion without any failure has 0 within its interval', () => {
  const sequence = new ProportionSequence();
  sequence.observe(0, 1000);
  const [low, high] = sequence.interval(alpha);
  assert.equal(low, 0);
  assert.ok(high > 0.003 && high < 0.02, `${high}`);
});

test('a bounded mean with little variance is known sooner', () => {
  const random = seededRandom(8);
  const calm = new BoundedMeanSequence(alpha);
  const wild = new BoundedMeanSequence(alpha);
  for (let i = 0; i < 1000; i++) {
    calm.observe(0.5 + (random() - 0.5) / 50);
    wild.observe(random() < 0.5 ? 0 : 1);
  }
  const width = ([low, high]: readonly [number, number]): number => high - low;
  assert.ok(width(calm.interval()) < width(wild.interval()) / 2);
});

test('sequences go on exactly where their saved states left off', () => {
  const random = seededRandom(6);
  const whole = new BoundedMeanSequence(alpha);
  let saved = new BoundedMeanSequence(alpha);
  for (let i = 0; i < 100; i++) {
    const value = random();
    whole.observe(value);
    saved.observe(value);
    saved =
      BoundedMeanSequence.restore(alpha, JSON.parse(JSON.stringify(saved.state()))) ??
      new BoundedMeanSequence(alpha);
  }
  assert.deepEqual(saved.state(), whole.state());
  const proportion = new ProportionSequence();
  proportion.observe(3, 10);
  assert.deepEqual(ProportionSequence.restore(proportion.state())?.state(), { count: 10, sum: 3 });
});

test('what is no state restores no sequence', () => {
  const state = new BoundedMeanSequence(alpha).state();
  for (const broken of [null, 'text', {}, { ...state, high: 'x' }, { ...state, count: 1, sum: 2 }]) {
    assert.equal(BoundedMeanSequence.restore(alpha, broken), undefined);
  }
  assert.equal(ProportionSequence.restore({ count: 1, sum: 2 }), undefined);
});

test('nothing is claimed of two means before there are 200 values of each', () => {
  const few = Moments.of(Array.from({ length: 199 }, (_, i) => i));
  const many = Moments.of(Array.from({ length: 500 }, (_, i) => i + 1000));
  const finding = differenceSoFar(few, many, { alpha, effect: 1 });
  assert.deepEqual(finding.interval, [-Infinity, Infinity]);
  assert.equal(finding.pValue, 1);
});
