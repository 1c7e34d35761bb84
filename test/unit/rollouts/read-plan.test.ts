import assert from 'node:assert/strict';
import { test } from 'node:test';
import { guardName } from '../../../src/rollouts/plan.ts';
import { ServingError } from '../../../src/errors.ts';
import { readPlan, readPlanText } from '../../../src/rollouts/read-plan.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { refusalOf } from '../../support/refusal.ts';

const least = { model: 'm', stable: 1, candidate: 2 };

test('a plan of three lines is a canary of five steps with five guards', () => {
  const plan = readPlanText('model: m\nstable: 1\ncandidate: 2\n');
  assert.deepEqual(
    plan.steps.map(({ weight }) => weight),
    [100, 500, 2500, 5000, 10_000],
  );
  assert.deepEqual([plan.name, plan.salt, plan.labels.candidate], ['m-1-to-2', 'm-1-to-2', 'canary']);
  assert.deepEqual(plan.guards.map(guardName), [
    'errors',
    'invalid',
    'latency p50',
    'latency p95',
    'latency p99',
  ]);
  assert.deepEqual(plan.steps.at(-1), { weight: 10_000, minMs: 0, minSamples: 0 });
});

test('steps say how long they last, or leave it to the plan', () => {
  const plan = readPlan({ ...least, minutes: 2, samples: 10, steps: [10, { percent: 50, minutes: 0.5 }] });
  assert.deepEqual(plan.steps, [
    { weight: 1000, minMs: 120_000, minSamples: 10 },
    { weight: 5000, minMs: 30_000, minSamples: 10 },
  ]);
});

test('a blue-green rollout is one step of everybody, a shadow one of nobody, an A/B test one of half', () => {
  const weights = ['blue-green', 'shadow', 'ab'].map((strategy) =>
    readPlan({ ...least, strategy }).steps.map(({ weight }) => weight),
  );
  assert.deepEqual(weights, [[10_000], [0], [5000]]);
  assert.equal(readPlan({ ...least, strategy: 'shadow' }).shadow?.weight, 10_000);
});

test('keys, guards and comparisons are read', () => {
  const plan = readPlan({
    ...least,
    strategy: 'shadow',
    key: ['header:x-user', 'parameter:user:id', 'principal'],
    guards: { errors: false, invalid: { ranges: { y: [0, 1] } } },
    compare: { absolute: 0.1 },
    compareOutputs: { label: 'exact', ranks: { rank: 3 } },
  });
  assert.deepEqual(plan.stickyKeys, [
    { kind: 'header', name: 'x-user' },
    { kind: 'parameter', name: 'user:id' },
    { kind: 'principal' },
  ]);
  assert.deepEqual(plan.guards.map(guardName), ['invalid', 'disagreement']);
  assert.deepEqual(plan.ranges, [{ output: 'y', min: 0, max: 1 }]);
  assert.deepEqual(plan.shadow?.outputs, { label: { kind: 'exact' }, ranks: { kind: 'rank', count: 3 } });
});

const wrong: readonly (readonly [string, unknown, RegExp])[] = [
  ['nothing', null, /^rollout: /],
  ['no versions', { model: 'm' }, /stable: /],
  ['one version', { ...least, candidate: 1 }, /same version/],
  ['an unknown field', { ...least, step: [1] }, /step/],
  ['steps that shrink', { ...least, steps: [50, 10] }, /must grow/],
  ['a step of nothing', { ...least, steps: [0, 10] }, /above 0/],
  ['a key of an unknown kind', { ...least, key: ['cookie:x'] }, /key\.0/],
  ['a header in capitals', { ...least, key: ['header:X-User'] }, /key\.0/],
  ['steps of a shadow', { ...least, strategy: 'shadow', steps: [1] }, /has no steps/],
  ['two arms of one label', { ...least, labels: { stable: 'a', candidate: 'a' } }, /labels/],
  ['a label that is no word', { ...least, labels: { stable: 'a b', candidate: 'c' } }, /labels\.stable/],
];
for (const [title, raw, text] of wrong) {
  test(`a plan with ${title} is refused, and why`, () => {
    const refusal = refusalOf(() => readPlan(raw));
    assert.equal(refusal.code, 'invalid_argument');
    assert.match(refusal.message, text);
  });
}

test('a text that is no YAML, or expands without end, or is very long is refused', () => {
  const bomb = 'a: &a [x, x]\nb: [*a, *a]\n';
  for (const text of ['{', bomb, 'x'.repeat(100_000)]) {
    assert.equal(refusalOf(() => readPlanText(text)).code, 'invalid_argument');
  }
});

const fields = [
  'strategy',
  'stable',
  'candidate',
  'candidates',
  'key',
  'steps',
  'percent',
  'guards',
  'goal',
  'design',
];
const odd = [
  null,
  [],
  {},
  '',
  'x',
  -1,
  0,
  1e308,
  '1',
  [1, 2],
  { metric: 'constructor' },
  { metric: { name: 'm', range: [0, 5] } },
];
const words = [
  'canary',
  'blue-green',
  'shadow',
  'ab',
  'bandit',
  true,
  { effect: 1e-300, sd: 1 },
  { floor: 100 },
  { looks: 20 },
];

test('whatever a plan holds, it is read or refused by name', () => {
  const random = seededRandom(9);
  const pick = (from: readonly unknown[]): unknown => from[Math.floor(random() * from.length)];
  let read = 0;
  for (let run = 0; run < 600; run++) {
    const plan: Record<string, unknown> = {
      model: 'm',
      stable: 1,
      candidate: 2,
      strategy: pick(words.slice(0, 5)),
    };
    for (let change = 0; change <= run % 2; change++)
      plan[String(pick([...fields, 'bandit']))] = pick([...odd, ...words]);
    try {
      const { arms } = readPlanText(JSON.stringify(plan));
      assert.ok(arms.length >= 2);
      read += 1;
    } catch (error) {
      assert.ok(error instanceof ServingError && error.reason === 'ROLLOUT_PLAN', String(error));
    }
  }
  assert.ok(read > 10, String(read));
});

for (const [title, text] of [
  ['very deep', '['.repeat(10_000)],
  ['deep in flow', `model: ${'{a: '.repeat(2000)}`],
  ['full of aliases', 'a: &a [x]\nb: [*a, *a, *a]\n'],
  ['no object', '7'],
  ['too long', 'a'.repeat(70_000)],
] as const) {
  test(`a text that is ${title} is no plan`, () => {
    assert.throws(() => readPlanText(text), { reason: 'ROLLOUT_PLAN' });
  });
}

test('a file that lists rollouts is no plan, and the refusal says what takes it', () => {
  const list = 'rollouts:\n  - { model: m, stable: 1, candidate: 2 }\n';
  assert.match(refusalOf(() => readPlanText(list)).message, /as --rollouts takes it; one plan is needed/);
});
