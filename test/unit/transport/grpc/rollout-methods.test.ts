import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadSync } from '@grpc/proto-loader';
import type { Principal } from '../../../../src/inference/principal.ts';
import type { RolloutAdmin } from '../../../../src/inference/rollout-admin.ts';
import { createRolloutMethods } from '../../../../src/transport/grpc/rollout-methods.ts';
import { buildReport } from '../../../support/build-rollout.ts';
import { FakeCall, toBuffer } from '../../../support/fake-call.ts';

const root = new URL('../../../../proto/', import.meta.url).pathname;
const file = 'tensorgate/admin/v1/rollouts.proto';
const service = loadSync(file, { includeDirs: [root], keepCase: true, longs: Number, defaults: true })[
  'tensorgate.admin.v1.Rollouts'
];

const report = buildReport({
  name: 'iris-1-to-2',
  model: 'iris',
  strategy: 'canary',
  phase: 'running',
  stable_version: '1',
  candidate_version: '2',
  stable_label: 'stable',
  candidate_label: 'canary',
  percent: 2.5,
  step: 1,
  steps: 5,
  waiting_for: '3 min left of this step',
  candidate_requests: 10,
  stable_requests: 90,
  guards: [
    {
      name: 'errors',
      harm: false,
      p_value: 1,
      candidate: 0.1,
      stable: 0,
      candidate_samples: 10,
      stable_samples: 90,
      words: 'words',
    },
  ],
  verdict: ['one', 'two'],
  history: [{ at_epoch_ms: 1_700_000_000_000, who: 'ann', what: 'started', why: 'because' }],
});

class Setup {
  readonly done: unknown[] = [];
  readonly #admin: RolloutAdmin = {
    reports: () => [report],
    report: () => report,
    start: async (plan, reason) => {
      this.done.push(['start', plan, reason]);
      return report;
    },
    change: async (model, action, reason) => {
      this.done.push([action, model, reason]);
      return action === 'forget' ? undefined : report;
    },
    reportMetric: async (metrics) => {
      this.done.push(metrics);
      return { used: 1, unknown: 2, repeated: 3, unused: 4 };
    },
  };

  async call(rpc: string, request: object): Promise<unknown> {
    if (service === undefined || 'format' in service) throw new Error('no service');
    const definition = service[rpc];
    const path = `/tensorgate.admin.v1.Rollouts/${rpc}`;
    const method = createRolloutMethods(this.#admin).find((each) => each.path === path);
    assert.ok(definition !== undefined && method?.kind === 'unary');
    assert.equal(method.scope, 'admin');
    const ann: Principal = { name: 'ann', scopes: new Set(['admin']), weight: 1 };
    const reply = await method.handle(definition.requestSerialize(request), new FakeCall({}, ann));
    return definition.responseDeserialize(toBuffer(reply));
  }
}

test('rollouts cross the wire whole', async () => {
  const setup = new Setup();
  assert.deepEqual(await setup.call('GetRollout', { model: 'iris' }), report);
  assert.deepEqual(await setup.call('ListRollouts', {}), { rollouts: [report] });
});

test('who starts or changes a rollout is who calls, and why is made printable', async () => {
  const setup = new Setup();
  await setup.call('StartRollout', { plan: 'model: m', why: 'a\nb' });
  await setup.call('ChangeRollout', { model: 'iris', action: 'pause', why: '' });
  assert.deepEqual(await setup.call('ChangeRollout', { model: 'iris', action: 'forget' }), { rollout: null });
  assert.deepEqual(setup.done, [
    ['start', 'model: m', { who: 'ann', why: 'a?b' }],
    ['pause', 'iris', { who: 'ann', why: '' }],
    ['forget', 'iris', { who: 'ann', why: '' }],
  ]);
});

test('an action that there is not is refused', async () => {
  const refused = new Setup().call('ChangeRollout', { model: 'iris', action: 'explode' });
  await assert.rejects(refused, { code: 'invalid_argument', reason: 'ROLLOUT_ACTION' });
});

test('values of requests, of users and of an arm are taken in, and the answer says what became of them', async () => {
  const setup = new Setup();
  const metric = { model: 'iris', metric: 'bought' };
  const answer = { used: true, counted: 1, unknown: 2, repeated: 3, unused: 4 };
  const values = [
    { request_id: 'r1', value: 1 },
    { request_id: 'r2', principal: 'bob', value: 0 },
    { user: 'u1', value: 0.5 },
  ];
  assert.deepEqual(await setup.call('ReportMetric', { ...metric, values }), answer);
  assert.deepEqual(
    await setup.call('ReportMetric', { ...metric, arm: 'canary', sum: 1.5, count: 2, squares: 1.25 }),
    answer,
  );
  assert.deepEqual(setup.done, [
    {
      ...metric,
      entries: [
        { by: 'request', principal: 'ann', id: 'r1', value: 1 },
        { by: 'request', principal: 'bob', id: 'r2', value: 0 },
        { by: 'user', user: 'u1', value: 0.5 },
      ],
    },
    { ...metric, entries: [{ by: 'arm', arm: 'canary', count: 2, sum: 1.5, squares: 1.25 }] },
  ]);
});

test("values that are nobody's, or no numbers, are refused", async () => {
  const setup = new Setup();
  for (const wrong of [
    { value: 1 },
    { request_id: 'r', user: 'u', value: 1 },
    { user: 'u', value: Number.NaN },
  ]) {
    const refused = setup.call('ReportMetric', { model: 'iris', metric: 'bought', values: [wrong] });
    await assert.rejects(refused, { reason: 'ROLLOUT_METRIC' });
  }
  assert.equal(setup.done.length, 0);
});
