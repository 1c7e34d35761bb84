import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CallContext } from '../../../src/inference/call-context.ts';
import type { MetricEntry } from '../../../src/inference/arm-metrics.ts';
import type { Principal } from '../../../src/inference/principal.ts';
import { noParameters } from '../../../src/inference/request.ts';
import { Experiments } from '../../../src/routing/experiments.ts';
import { reportInTurn } from '../../../src/routing/report-in-turn.ts';
import { buildRequest } from '../../support/build-request.ts';
import { buildSplit } from '../../support/build-split.ts';
import { buildTarget } from '../../support/build-target.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const ann: Principal = { name: 'ann', scopes: new Set(['infer']), weight: 1 };
const split = buildSplit(5000, { metrics: [{ name: 'amount', min: 0, max: 100 }] });

function setUp() {
  const experiments = new Experiments({
    clock: new FakeClock(),
    random: () => 0.99,
    ready: (_model, version) => buildTarget([], { spec: { version } }),
  });
  experiments.publish(new Map([['m', split]]));
  return experiments;
}

async function ask(experiments: Experiments, id: string, user: string): Promise<string> {
  const call = new CallContext(0, Infinity, ann);
  call.header = (name) => (name === 'x-user' ? user : undefined);
  const answered = await experiments.get('m')?.serve(buildRequest({ id }), call, async ({ spec }) => ({
    model: 'm',
    version: spec.version,
    id,
    outputs: [],
    parameters: noParameters,
  }));
  return String(answered?.parameters.get('tensorgate_arm'));
}

function report(experiments: Experiments, entries: readonly MetricEntry[], metric = 'amount') {
  return experiments.report({ model: 'm', metric, entries });
}

function sumsOf(experiments: Experiments, arm: string, metric = 'amount') {
  return experiments.read().find((reading) => reading.arm === arm)?.metrics[metric];
}

test('a value reported by the id of a request counts for the arm that answered it, as part of its range', async () => {
  const experiments = setUp();
  const arms = new Map<string, string>();
  for (let user = 0; user < 20; user++) arms.set(`r${user}`, await ask(experiments, `r${user}`, `u${user}`));
  assert.deepEqual(new Set(arms.values()), new Set(['stable', 'canary']));
  const entries = [...arms.keys()].map((id): MetricEntry => ({
    by: 'request',
    principal: 'ann',
    id,
    value: 25,
  }));
  assert.equal(report(experiments, entries).used, 20);
  assert.equal(report(experiments, entries).repeated, 20);
  const count = [...arms.values()].filter((arm) => arm === 'canary').length;
  assert.deepEqual(sumsOf(experiments, 'canary'), { count, sum: count / 4, squares: count / 16 });
});

test('ids of others, ids that nobody sent, and arms that there are not, are left for another thread', async () => {
  const experiments = setUp();
  await ask(experiments, 'r1', 'u1');
  const entries: readonly MetricEntry[] = [
    { by: 'request', principal: 'bob', id: 'r1', value: 1 },
    { by: 'request', principal: 'ann', id: 'r2', value: 1 },
    { by: 'arm', arm: 'none', count: 1, sum: 1, squares: undefined },
  ];
  assert.deepEqual(report(experiments, entries).unknown, entries);
});

test('a value of a user counts for the arm that the user has', async () => {
  const experiments = setUp();
  const arm = await ask(experiments, '', 'u7');
  report(experiments, [{ by: 'user', user: 'u7', value: 100 }]);
  assert.deepEqual(sumsOf(experiments, arm), { count: 1, sum: 1, squares: 1 });
});

test('threads are asked in turn, each for what the others did not know', async () => {
  const threads = [setUp(), setUp()];
  for (const [index, thread] of threads.entries()) await ask(thread, `r${index}`, 'u');
  const entries = ['r0', 'r1', 'r2'].map((id): MetricEntry => ({
    by: 'request',
    principal: 'ann',
    id,
    value: 1,
  }));
  const counts = await reportInTurn(
    { model: 'm', metric: 'amount', entries },
    threads.map((thread) => async (part) => thread.report(part)),
  );
  assert.deepEqual(counts, { used: 2, unknown: 1, repeated: 0, unused: 0 });
});

test('a metric that nobody asked for is not counted', () => {
  const experiments = setUp();
  const entries: readonly MetricEntry[] = [{ by: 'user', user: 'u', value: 1 }];
  assert.equal(report(experiments, entries, 'other').unused, 1);
  assert.equal(experiments.report({ model: 'none', metric: 'amount', entries }).unused, 1);
});

const wrong: readonly (readonly [string, MetricEntry])[] = [
  ['above the range', { by: 'user', user: 'u', value: 100.1 }],
  ['below the range', { by: 'request', principal: 'a', id: 'r', value: -1 }],
  ['that is no number', { by: 'user', user: 'u', value: Number.NaN }],
  [
    'whose sum is too large for its count',
    { by: 'arm', arm: 'stable', count: 2, sum: 201, squares: undefined },
  ],
  ['of no observations', { by: 'arm', arm: 'stable', count: 0, sum: 0, squares: undefined }],
  ['of half an observation', { by: 'arm', arm: 'stable', count: 1.5, sum: 1, squares: undefined }],
  ['whose squares are too small', { by: 'arm', arm: 'stable', count: 2, sum: 100, squares: 4000 }],
  ['whose squares are too large', { by: 'arm', arm: 'stable', count: 2, sum: 100, squares: 10_100 }],
];
for (const [title, entry] of wrong) {
  test(`a value ${title} is refused, with all that came with it`, () => {
    const experiments = setUp();
    const good: MetricEntry = { by: 'user', user: 'u', value: 1 };
    assert.throws(() => report(experiments, [good, entry]), { reason: 'ROLLOUT_METRIC' });
    assert.equal(sumsOf(experiments, 'stable'), undefined);
    assert.equal(sumsOf(experiments, 'canary'), undefined);
  });
}

test('accuracy is not reported: its labels would count a second time', () => {
  const experiments = setUp();
  experiments.publish(
    new Map([['m', buildSplit(5000, { metrics: [{ name: 'accuracy', min: 0, max: 1 }] })]]),
  );
  const entries: readonly MetricEntry[] = [{ by: 'user', user: 'u', value: 1 }];
  assert.throws(() => report(experiments, entries, 'accuracy'), {
    reason: 'ROLLOUT_METRIC',
    message: /counted from labels/,
  });
  assert.equal(sumsOf(experiments, 'stable', 'accuracy'), undefined);
});

test('a message of too many values is refused', () => {
  const entry: MetricEntry = { by: 'user', user: 'u', value: 1 };
  const many = Array.from({ length: 10_001 }, () => entry);
  assert.throws(() => report(setUp(), many), { reason: 'ROLLOUT_METRIC' });
});

test('a thread that knows nothing of the rollout yet keeps no values from those that do', async () => {
  const entries = [{ by: 'user', user: 'ann', value: 1 }] as const;
  const report = { model: 'm', metric: 'bought', entries };
  const knowsNothing = async () => ({ used: 0, repeated: 0, unused: 1, unknown: [] });
  const takes = async () => ({ used: 1, repeated: 0, unused: 0, unknown: [] });
  const counts = { used: 1, repeated: 0, unused: 0, unknown: 0 };
  assert.deepEqual(await reportInTurn(report, [knowsNothing, takes]), counts);
  assert.deepEqual(await reportInTurn(report, [takes, knowsNothing]), counts);
  assert.deepEqual(await reportInTurn(report, [knowsNothing, knowsNothing]), {
    ...counts,
    used: 0,
    unused: 1,
  });
});
