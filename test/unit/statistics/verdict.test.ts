import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judge, type Comparison } from '../../../src/statistics/verdict.ts';

const comparison: Comparison = {
  measure: 'error rate',
  better: 'lower',
  test: 'two-proportion z-test, two-sided',
  candidate: { name: 'version 2', count: 1000, mean: 0.05 },
  baseline: { name: 'version 1', count: 1000, mean: 0.01 },
  interval: [0.024, 0.057],
  confidence: 0.95,
  pValue: 0.0000004,
  alpha: 0.05,
  margin: 0,
  policy: 'one-look',
  looks: 1,
  plannedCount: 1000,
  expectedShare: 0.5,
  days: 14,
};

test('a verdict says what was tested, what was found and what to do', () => {
  assert.deepEqual(judge(comparison), {
    decision: 'worse',
    tested:
      'The error rate of version 2 against that of version 1 (lower is better): two-proportion z-test, two-sided, valid for one look at the end, alpha 0.05.',
    found:
      'The error rate is 0.05 in 1000 observations of version 2 and 0.01 in 1000 of version 1: +0.04 (95 % interval +0.024 to +0.057, p < 0.0001).',
    advice: 'Go back to version 1.',
    cautions: [],
  });
});

const cases: readonly (readonly [
  title: string,
  change: Partial<Comparison>,
  decision: string,
  caution: RegExp,
])[] = [
  ['a higher accuracy is better', { better: 'higher' }, 'better', /^$/],
  [
    'a difference within the margin is not worse',
    { interval: [-0.01, 0.01], pValue: 0.9, margin: 0.02 },
    'not-worse',
    /^$/,
  ],
  [
    'an interval beyond the margin decides nothing',
    { interval: [-0.01, 0.03], pValue: 0.3, margin: 0.02 },
    'undecided',
    /^$/,
  ],
  [
    'harm above 0 but within the margin is not worse',
    { interval: [0.001, 0.01], pValue: 0.01, margin: 0.02 },
    'not-worse',
    /^$/,
  ],
  [
    'arms that are not split as configured invalidate it',
    { expectedShare: 0.4 },
    'invalid',
    /Sample-ratio mismatch: version 2 got 50 %/,
  ],
  ['looking more often than the test allows is peeking', { looks: 5 }, 'worse', /Peeking: looked at 5 times/],
  ['an always-valid test may be looked at often', { looks: 500, policy: 'always-valid' }, 'worse', /^$/],
  [
    'too few observations are said to be too few',
    { interval: [-0.1, 0.1], pValue: 0.8, plannedCount: 4000.2 },
    'undecided',
    /Underpowered: 1000 of 4001/,
  ],
  ['a few days do not tell how it will be', { days: 2 }, 'worse', /Novelty: 2 days/],
  ['an effect that fades is pointed out', { halves: [0.04, 0.01] }, 'worse', /Novelty: .*wearing off/],
];

for (const [title, change, decision, caution] of cases) {
  test(title, () => {
    const verdict = judge({ ...comparison, ...change });
    assert.equal(verdict.decision, decision);
    assert.match(verdict.cautions.join('\n'), caution);
  });
}

test('an interval that is not known yet is said to be unknown', () => {
  const { found } = judge({ ...comparison, interval: [-Infinity, Infinity], pValue: 1 });
  assert.match(found, /interval not known yet/);
});
