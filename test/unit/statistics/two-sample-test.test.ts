import assert from 'node:assert/strict';
import { test } from 'node:test';
import { projectOnBoundary } from '../../../src/statistics/boundary.ts';
import { TwoSampleTest, type TwoSampleQuestion } from '../../../src/statistics/two-sample-test.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const equal: TwoSampleQuestion = { claim: 'at-most', ratio: 1, margin: 0, alpha: 0.05 };

interface Traffic {
  readonly baseline: number;
  readonly candidate: number;
  /** Share of the candidate. */
  readonly weight: number;
  /** Observations of the candidate at most. */
  readonly most: number;
}

/** Observations of the candidate until the claim was refuted, looked at after each of them; Infinity for never. */
function untilRefuted(question: TwoSampleQuestion, traffic: Traffic, random: () => number): number {
  const comparison = new TwoSampleTest(question);
  let seen = 0;
  while (seen < traffic.most) {
    if (random() >= traffic.weight) {
      comparison.observe('baseline', random() < traffic.baseline ? 1 : 0);
      continue;
    }
    seen++;
    comparison.observe('candidate', random() < traffic.candidate ? 1 : 0);
    if (comparison.finding().refuted) return seen;
  }
  return Infinity;
}

function runs(count: number, question: TwoSampleQuestion, traffic: Traffic): readonly number[] {
  const random = seededRandom(20261121);
  const found = Array.from({ length: count }, () => untilRefuted(question, traffic, random));
  return found.sort((a, b) => a - b);
}

function shareRefuted(found: readonly number[]): number {
  return found.filter(Number.isFinite).length / found.length;
}

const nulls: readonly (readonly [title: string, question: TwoSampleQuestion, traffic: Traffic])[] = [
  ['failures of one in a hundred', equal, { baseline: 0.01, candidate: 0.01, weight: 0.1, most: 400 }],
  ['failures of one in a thousand', equal, { baseline: 0.001, candidate: 0.001, weight: 0.1, most: 400 }],
  ['every second value', equal, { baseline: 0.5, candidate: 0.5, weight: 0.5, most: 400 }],
  [
    'a candidate that is worse by the margin',
    { ...equal, margin: 0.02 },
    { baseline: 0.05, candidate: 0.07, weight: 0.5, most: 400 },
  ],
  [
    'a candidate that is better than a claim allows it to be by nothing',
    { ...equal, claim: 'at-least', margin: 0.02 },
    { baseline: 0.05, candidate: 0.07, weight: 0.5, most: 400 },
  ],
  [
    'a candidate with twice the failures, where that is allowed',
    { ...equal, ratio: 2 },
    { baseline: 0.02, candidate: 0.04, weight: 0.5, most: 400 },
  ],
];

for (const [title, question, traffic] of nulls) {
  test(`looking after each observation refutes a true claim no more often than alpha: ${title}`, () => {
    const share = shareRefuted(runs(150, question, traffic));
    assert.ok(share <= 0.05 + 0.04, `refuted in ${share} of the runs`);
  });
}

test('expected wealth never grows while the claim is true, whatever is bet', () => {
  for (const [candidate, baseline, ratio, margin] of [
    [0.4, 0.1, 1, 0],
    [0.4, 0.1, 1, 0.05],
    [0.9, 0.3, 2, 0],
    [0.05, 0.01, 1.5, 0.01],
  ] as const) {
    const counts = { candidateCount: 1, baselineCount: 3 };
    const b = projectOnBoundary({ ratio, margin }, { candidate, baseline, ...counts }) ?? Number.NaN;
    const a = ratio * b + margin;
    for (let truth = 0.01; ratio * truth + margin < 1; truth += 0.01) {
      const worst = ratio * truth + margin;
      const ofCandidate = (worst * candidate) / a + ((1 - worst) * (1 - candidate)) / (1 - a);
      const ofBaseline = (truth * baseline) / b + ((1 - truth) * (1 - baseline)) / (1 - b);
      assert.ok(ofCandidate * ofBaseline ** 3 <= 1 + 1e-9);
    }
  }
});

test('a rise of failures from 1 to 5 % is found within some hundred requests of the candidate', () => {
  const found = runs(
    40,
    { ...equal, alpha: 0.01 },
    { baseline: 0.01, candidate: 0.05, weight: 0.05, most: 4000 },
  );
  assert.ok((found[20] ?? Infinity) < 300, `median ${found[20]}`);
  assert.equal(shareRefuted(found), 1);
});

test('harm is found although everything came at once, and only where there is harm', () => {
  const random = seededRandom(11);
  const draw = (count: number, mean: number): number => {
    let sum = 0;
    for (let i = 0; i < count; i++) if (random() < mean) sum++;
    return sum;
  };
  for (const [baseline, candidate, least, most] of [
    [0, 1, 1, 1],
    [0.01, 0.2, 0.9, 1],
    [0.001, 0.001, 0, 0.05],
    [0.01, 0.01, 0, 0.05],
    [0.3, 0.3, 0, 0.05],
    [0.95, 0.95, 0, 0.05],
  ] as const) {
    let refuted = 0;
    for (let run = 0; run < 200; run++) {
      const comparison = new TwoSampleTest(equal);
      comparison.observe('candidate', draw(100, candidate), 100);
      comparison.observe('baseline', draw(400, baseline), 400);
      if (comparison.finding().refuted) refuted++;
    }
    const share = refuted / 200;
    assert.ok(share >= least && share <= most, `${candidate} against ${baseline}: ${share}`);
  }
});

test('a first block that was no harm hides none that comes later', () => {
  const comparison = new TwoSampleTest(equal);
  comparison.observe('candidate', 300, 10_000);
  comparison.observe('baseline', 300, 10_000);
  assert.ok(comparison.finding().eValue > 0.85);
});

test('that a candidate is not worse by a margin is shown when it is not', () => {
  const question: TwoSampleQuestion = { ...equal, claim: 'at-least', margin: 0.02 };
  const found = runs(20, question, { baseline: 0.01, candidate: 0.01, weight: 0.5, most: 4000 });
  assert.equal(shareRefuted(found), 1);
});

test('fractions between 0 and 1 are compared by their means', () => {
  const random = seededRandom(7);
  const comparison = new TwoSampleTest(equal);
  for (let i = 0; i < 600; i++) {
    comparison.observe('baseline', random() * 0.4);
    comparison.observe('candidate', 0.3 + random() * 0.4);
  }
  assert.equal(comparison.finding().refuted, true);
  assert.ok(Math.abs(comparison.finding().difference - 0.3) < 0.03);
});

test('many observations at once count as many', () => {
  const comparison = new TwoSampleTest(equal);
  for (let i = 0; i < 20; i++) {
    comparison.observe('baseline', 10, 1000);
    comparison.observe('candidate', 5, 100);
  }
  assert.deepEqual(comparison.finding().baseline, { count: 20_000, sum: 200 });
  assert.equal(comparison.finding().refuted, true);
});

test('what was refuted stays refuted, although later observations speak for the claim', () => {
  const comparison = new TwoSampleTest(equal);
  comparison.observe('baseline', 0, 100);
  for (let i = 0; i < 40; i++) {
    comparison.observe('candidate', 1);
    comparison.observe('baseline', 0, 10);
  }
  const { pValue } = comparison.finding();
  for (let i = 0; i < 400; i++) {
    comparison.observe('candidate', 0);
    comparison.observe('baseline', 5, 10);
  }
  assert.ok(comparison.finding().eValue < 1);
  assert.equal(comparison.finding().pValue, pValue);
  assert.equal(comparison.finding().refuted, true);
});

test('a test goes on exactly where its saved state left off', () => {
  const whole = new TwoSampleTest(equal);
  let saved = new TwoSampleTest(equal);
  const random = seededRandom(3);
  for (let i = 0; i < 500; i++) {
    const arm = random() < 0.2 ? 'candidate' : 'baseline';
    const value = random() < 0.1 ? 1 : 0;
    whole.observe(arm, value);
    saved.observe(arm, value);
    const restored = TwoSampleTest.restore(equal, JSON.parse(JSON.stringify(saved.state())));
    assert.ok(restored !== undefined);
    saved = restored;
  }
  assert.deepEqual(saved.state(), whole.state());
  assert.deepEqual(saved.finding(), whole.finding());
});

test('what is no state of a test restores none', () => {
  const state = new TwoSampleTest(equal).state();
  for (const broken of [
    null,
    'text',
    {},
    { ...state, candidate: { count: -1, sum: 0 } },
    { ...state, baseline: { count: 1, sum: 2 } },
    { ...state, waitingBaseline: undefined },
    { ...state, logWealth: [0] },
    { ...state, logWealth: [0, 0, 0, null] },
    { ...state, highest: -1 },
    { ...state, highest: 'high' },
  ]) {
    assert.equal(TwoSampleTest.restore(equal, broken), undefined);
  }
  assert.ok(TwoSampleTest.restore(equal, state) !== undefined);
});

test('a margin that nothing can exceed is never refuted', () => {
  const comparison = new TwoSampleTest({ ...equal, margin: 1 });
  comparison.observe('baseline', 0, 1000);
  for (let i = 0; i < 100; i++) {
    comparison.observe('candidate', 1);
    comparison.observe('baseline', 0);
  }
  assert.equal(comparison.finding().refuted, false);
});

test('what is no number is not observed', () => {
  const comparison = new TwoSampleTest(equal);
  comparison.observe('candidate', Number.NaN);
  comparison.observe('candidate', 1, 0);
  assert.deepEqual(comparison.finding().candidate, { count: 0, sum: 0 });
});
