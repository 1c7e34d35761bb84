import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServingError } from '../../../src/errors.ts';
import { CallContext } from '../../../src/inference/call-context.ts';
import type { Principal, Scope } from '../../../src/inference/principal.ts';
import { noParameters } from '../../../src/inference/request.ts';
import type { InferResponse } from '../../../src/inference/response.ts';
import type { Target } from '../../../src/inference/target.ts';
import type { TrafficSplit } from '../../../src/inference/traffic-split.ts';
import type { AnswerWith } from '../../../src/routing/experiment.ts';
import { Experiments } from '../../../src/routing/experiments.ts';
import { createRouter } from '../../../src/routing/router.ts';
import { buildRequest, zeros } from '../../support/build-request.ts';
import { buildSplit } from '../../support/build-split.ts';
import { buildTarget } from '../../support/build-target.ts';
import { FakeClock, settled } from '../../support/fake-clock.ts';
import { Latch } from '../../support/latch.ts';

const one = buildTarget([], { spec: { version: '1' } });
const two = buildTarget([], { spec: { version: '2' } });
const three = buildTarget([], { spec: { version: '3' } });

function setUp(split: TrafficSplit, random = 0) {
  const clock = new FakeClock();
  const ready = new Map<string, Target | undefined>([
    ['1', one],
    ['2', two],
    ['3', three],
  ]);
  const experiments = new Experiments({
    clock,
    random: () => random,
    ready: (_model, version) => ready.get(version),
  });
  experiments.publish(new Map([['m', split]]));
  return { clock, ready, experiments };
}

const echo: AnswerWith = ({ spec }, request) => Promise.resolve(answerOf(spec.version, request.id));

function answerOf(version: string, id = ''): InferResponse {
  return { model: 'm', version, id, outputs: [zeros('y', [1])], parameters: noParameters };
}

function callOf(headers: Readonly<Record<string, string>> = {}, scopes: readonly Scope[] = ['infer']) {
  const principal: Principal = { name: 'someone', scopes: new Set(scopes), weight: 1 };
  const call = new CallContext(0, Infinity, principal);
  call.header = (name) => headers[name];
  return call;
}

function countsOf(experiments: Experiments, arm: string) {
  const reading = experiments.read().find((one) => one.arm === arm);
  assert.ok(reading !== undefined);
  return reading;
}

async function armOf(experiments: Experiments, call: CallContext, answer = echo): Promise<unknown> {
  const response = await experiments.get('m')?.serve(buildRequest(), call, answer);
  return response?.parameters.get('tensorgate_arm');
}

test('a model without a split has no experiment', () => {
  const { experiments } = setUp(buildSplit(100));
  assert.equal(experiments.get('other'), undefined);
  assert.equal(experiments.size, 1);
  experiments.publish(new Map());
  assert.equal(experiments.size, 0);
});

test('an answer says by which arm of which experiment it is, and so does its call', async () => {
  const { experiments } = setUp(buildSplit(10_000));
  const call = callOf();
  const response = await experiments.get('m')?.serve(buildRequest({ id: 'r1' }), call, echo);
  assert.deepEqual(
    [response?.version, response?.id, ...(response?.parameters ?? [])],
    ['2', 'r1', ['tensorgate_experiment', 'm-2'], ['tensorgate_arm', 'canary']],
  );
  assert.deepEqual([call.experiment, call.arm], ['m-2', 'canary']);
});

test('parameters that an answer has anyway stay beside those of the arm', async () => {
  const { experiments } = setUp(buildSplit(10_000));
  const answer: AnswerWith = () =>
    Promise.resolve({ ...answerOf('2'), parameters: new Map([['own', true]]) });
  const response = await experiments.get('m')?.serve(buildRequest(), callOf(), answer);
  assert.deepEqual([...(response?.parameters.keys() ?? [])].sort(), [
    'own',
    'tensorgate_arm',
    'tensorgate_experiment',
  ]);
});

test('a user stays in one arm, and users without a key are divided by chance', async () => {
  const { experiments } = setUp(buildSplit(5000), 0.4);
  const arms = new Map<string, unknown>();
  for (let user = 0; user < 50; user++) {
    arms.set(`u${user}`, await armOf(experiments, callOf({ 'x-user': `u${user}` })));
  }
  assert.equal(new Set(arms.values()).size, 2);
  for (const [user, arm] of arms) assert.equal(await armOf(experiments, callOf({ 'x-user': user })), arm);
  assert.equal(await armOf(experiments, callOf()), 'canary');
});

const keys: readonly (readonly [string, TrafficSplit['stickyKeys'][number]])[] = [
  ['a parameter', { kind: 'parameter', name: 'user' }],
  ['the caller', { kind: 'principal' }],
];
for (const [title, key] of keys) {
  test(`${title} may be the key`, async () => {
    const { experiments } = setUp(buildSplit(5000, { stickyKeys: [key] }));
    const serve = async (user: string): Promise<string> => {
      const call = new CallContext(0, Infinity, { name: user, scopes: new Set(['infer']), weight: 1 });
      const request = buildRequest({ parameters: { user } });
      return (await experiments.get('m')?.serve(request, call, echo))?.version ?? '';
    };
    const versions = await Promise.all(Array.from({ length: 40 }, (_, user) => serve(`u${user}`)));
    assert.deepEqual(new Set(versions), new Set(['1', '2']));
    assert.deepEqual(await Promise.all(Array.from({ length: 40 }, (_, user) => serve(`u${user}`))), versions);
  });
}

test('a request of a stream has the headers of its stream', async () => {
  const { experiments } = setUp(buildSplit(0));
  const part = new CallContext(0, Infinity, callOf({}, ['infer', 'route']).principal);
  part.origin = callOf({ 'tensorgate-arm': 'canary' });
  assert.equal(await armOf(experiments, part), 'canary');
});

test('a tester with the scope chooses the arm, and is not counted', async () => {
  const { experiments } = setUp(buildSplit(0));
  const call = callOf({ 'tensorgate-arm': 'canary' }, ['infer', 'route']);
  assert.equal(await armOf(experiments, call), 'canary');
  assert.equal(countsOf(experiments, 'canary').requests, 0);
});

const refused: readonly (readonly [string, string, readonly Scope[], string])[] = [
  ['without the scope', 'canary', ['infer'], 'permission_denied'],
  ['for an arm that is not there', 'green', ['infer', 'route'], 'invalid_argument'],
];
for (const [title, arm, scopes, code] of refused) {
  test(`a choice ${title} is ${code}`, async () => {
    const { experiments } = setUp(buildSplit(0));
    const call = callOf({ 'tensorgate-arm': arm }, scopes);
    await assert.rejects(
      armOf(experiments, call),
      (error) => error instanceof ServingError && error.code === code,
    );
  });
}

test('a tester is not sent to another arm than the one that was chosen', async () => {
  const { experiments, ready } = setUp(buildSplit(0));
  ready.delete('2');
  const call = callOf({ 'tensorgate-arm': 'canary' }, ['infer', 'route']);
  await assert.rejects(armOf(experiments, call), { code: 'unavailable', reason: 'ARM_NOT_READY' });
});

test('the baseline answers for an arm that is not ready, and that is counted', async () => {
  const { experiments, ready } = setUp(buildSplit(10_000));
  ready.delete('2');
  assert.equal(await armOf(experiments, callOf()), 'stable');
  assert.deepEqual(
    [countsOf(experiments, 'canary').fallbacks, countsOf(experiments, 'stable').requests],
    [1, 0],
  );
});

test('another arm answers when the baseline is gone; without any, the model is served as if it had no experiment', async () => {
  const { experiments, ready } = setUp(buildSplit(0));
  ready.delete('1');
  assert.equal(await armOf(experiments, callOf()), 'canary');
  ready.clear();
  assert.equal(experiments.get('m')?.serve(buildRequest(), callOf(), echo), undefined);
  assert.equal(experiments.baseline('m'), undefined);
});

test('the baseline answers when the breaker of an arm is open', async () => {
  const { experiments } = setUp(buildSplit(10_000));
  const answer: AnswerWith = (target, request, call) =>
    target === two
      ? Promise.reject(new ServingError('unavailable', 'open', { reason: 'MODEL_BREAKER_OPEN' }))
      : echo(target, request, call);
  assert.equal(await armOf(experiments, callOf(), answer), 'stable');
  const { requests, fallbacks, broken } = countsOf(experiments, 'canary');
  assert.deepEqual([requests, fallbacks, broken], [0, 1, 1]);
});

test('without a choice a model with a split is its baseline, not its newest version', () => {
  const { experiments } = setUp(buildSplit(100));
  const ready = new Map<string, Target>([
    ['1', one],
    ['2', two],
  ]);
  const router = createRouter(() => new Map([['m', { newest: two, ready, absent: new Map() }]]), experiments);
  assert.equal(router.route('m', ''), one);
  assert.equal(router.route('m', '2'), two);
  experiments.publish(new Map());
  assert.equal(router.route('m', ''), two);
});

const failures: readonly (readonly [ConstructorParameters<typeof ServingError>[0], number, number])[] = [
  ['internal', 1, 1],
  ['unavailable', 1, 1],
  ['deadline_exceeded', 1, 0],
  ['invalid_argument', 0, 0],
  ['cancelled', 0, 0],
  ['resource_exhausted', 0, 0],
];
for (const [code, requests, failed] of failures) {
  test(`${code} counts as ${requests} requests with ${failed} failures`, async () => {
    const { experiments } = setUp(buildSplit(0));
    const answer: AnswerWith = () => Promise.reject(new ServingError(code, 'no'));
    await assert.rejects(armOf(experiments, callOf(), answer), { code });
    const counts = countsOf(experiments, 'stable');
    assert.deepEqual([counts.requests, counts.failures], [requests, failed]);
  });
}

test('an arm keeps its counts while its weight changes, and begins anew in another experiment', async () => {
  const { experiments } = setUp(buildSplit(10_000));
  await armOf(experiments, callOf());
  experiments.publish(new Map([['m', buildSplit(5000)]]));
  assert.equal(countsOf(experiments, 'canary').requests, 1);
  experiments.publish(new Map([['m', buildSplit(5000, { experiment: 'another' })]]));
  assert.equal(countsOf(experiments, 'canary').requests, 0);
});

const shadow = {
  label: 'shadow',
  version: '3',
  weight: 10_000,
  agreement: { kind: 'exact' },
  outputs: {},
} as const;

test('a copy goes to the shadow once its request is finished, and the answers are compared', async () => {
  const { experiments, clock } = setUp(buildSplit(0, { shadow }));
  const asked: string[] = [];
  const answer: AnswerWith = (target, request, call) => {
    asked.push(`${target.spec.version} ${call.principal.name}`);
    return echo(target, request, call);
  };
  const call = callOf();
  await armOf(experiments, call, answer);
  assert.deepEqual(asked, ['1 someone']);
  call.finish();
  await clock.advanceSettling(0);
  assert.deepEqual(asked, ['1 someone', '3 shadow']);
  const { compared, differed, requests } = countsOf(experiments, 'shadow');
  assert.deepEqual([compared, differed, requests], [1, 0, 1]);
});

test('a shadow that answers otherwise, or fails, is seen, and no client sees it', async () => {
  const { experiments, clock } = setUp(buildSplit(0, { shadow }));
  const other: AnswerWith = (target) =>
    Promise.resolve({ ...answerOf(target.spec.version), outputs: [zeros('y', [target === three ? 2 : 1])] });
  const failing: AnswerWith = (target, request, call) =>
    target === three ? Promise.reject(new ServingError('internal', 'no')) : echo(target, request, call);
  for (const answer of [other, failing]) {
    const call = callOf();
    assert.equal(await armOf(experiments, call, answer), 'stable');
    call.finish();
    await clock.advanceSettling(1);
  }
  const { compared, differed, failures: failed } = countsOf(experiments, 'shadow');
  assert.deepEqual([compared, differed, failed], [1, 1, 1]);
});

test('copies are sent one at a time with rests between, and dropped when too many wait', async () => {
  const { experiments, clock } = setUp(buildSplit(0, { shadow }));
  const held = new Latch();
  let running = 0;
  const answer: AnswerWith = async (target, request, call) => {
    if (target === three) {
      running += 1;
      await held.opened;
    }
    return echo(target, request, call);
  };
  for (let index = 0; index < 40; index++) {
    const call = callOf();
    await armOf(experiments, call, answer);
    call.finish();
  }
  assert.equal(running, 1);
  assert.equal(countsOf(experiments, 'shadow').dropped, 7);
  clock.advance(50);
  held.open();
  await settled();
  assert.equal(running, 1);
  await clock.advanceSettling(50);
  assert.ok(running > 1);
});

const rescued: readonly (readonly [string, ServingError, number])[] = [
  ['what the candidate failed at', new ServingError('internal', 'no'), 1],
  ['what the candidate was lost with', new ServingError('unavailable', 'no'), 1],
  [
    'what the candidate cannot compute',
    new ServingError('invalid_argument', 'no', { reason: 'INPUT_NOT_COMPUTABLE' }),
    1,
  ],
];
for (const [title, error, failed] of rescued) {
  test(`the baseline answers ${title}, and the candidate is blamed`, async () => {
    const { experiments } = setUp(buildSplit(10_000));
    const answer: AnswerWith = (target, request, call) =>
      target === two ? Promise.reject(error) : echo(target, request, call);
    assert.equal(await armOf(experiments, callOf(), answer), 'stable');
    const counts = countsOf(experiments, 'canary');
    assert.deepEqual([counts.requests, counts.failures], [1, failed]);
  });
}

test("what no version can compute is nobody's failure, and what is the caller's fault is not tried again", async () => {
  const { experiments } = setUp(buildSplit(10_000));
  let tried = 0;
  for (const reason of ['INPUT_NOT_COMPUTABLE', 'INPUT_NAME']) {
    const answer: AnswerWith = () => {
      tried += 1;
      return Promise.reject(new ServingError('invalid_argument', 'no', { reason }));
    };
    await assert.rejects(armOf(experiments, callOf(), answer), { reason });
  }
  assert.equal(tried, 3);
  assert.equal(countsOf(experiments, 'canary').failures, 0);
});
