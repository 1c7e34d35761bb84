import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CallContext } from '../../../../src/inference/call-context.ts';
import { anonymous, type Principal } from '../../../../src/inference/principal.ts';
import type { RolloutAdmin } from '../../../../src/inference/rollout-admin.ts';
import type { HttpCall } from '../../../../src/transport/http/http-call.ts';
import { createRolloutEndpoints } from '../../../../src/transport/http/rollout-endpoints.ts';
import { buildReport } from '../../../support/build-rollout.ts';

const ann: Principal = { name: 'ann', scopes: new Set(['admin']), weight: 1 };
const report = buildReport();

function setUp() {
  const done: unknown[] = [];
  const admin: RolloutAdmin = {
    reports: () => [report],
    report: () => report,
    start: async (plan, reason) => {
      done.push([plan, reason]);
      return report;
    },
    change: async (model, action, reason) => {
      done.push([model, action, reason]);
      return action === 'forget' ? undefined : report;
    },
    reportMetric: async (metrics) => {
      done.push(metrics);
      return { used: 1, unknown: 2, repeated: 3, unused: 4 };
    },
  };
  const { endpoints } = createRolloutEndpoints(admin);
  const ask = async (
    route: string,
    method: 'get' | 'post',
    { who = ann, host = '127.0.0.1:1', query = '', body = '' } = {},
  ): Promise<unknown> => {
    const endpoint = endpoints.get(`/admin/v1/rollouts${route}`);
    assert.equal(endpoint?.scope, 'admin');
    const call: HttpCall = {
      context: new CallContext(0, Infinity, who),
      path: { model: 'm', version: '', repository: '', region: '', label: '' },
      query,
      body: Buffer.from(body),
      header: (name) => (name === 'host' ? host : undefined),
    };
    const reply = await endpoint?.[method]?.(call);
    assert.ok(reply !== undefined);
    return JSON.parse(Buffer.concat(reply.pieces).toString());
  };
  return { done, ask };
}

test('values of a metric are taken in', async () => {
  const { done, ask } = setUp();
  const values = [
    { request_id: 'r1', value: 1 },
    { user: 'u1', value: 2 },
  ];
  const body = JSON.stringify({ metric: 'bought', values });
  assert.deepEqual(await ask('/{model}/metrics', 'post', { body }), {
    used: 1,
    unknown: 2,
    repeated: 3,
    unused: 4,
  });
  const added = JSON.stringify({ metric: 'bought', arm: 'a', count: 3, sum: 2 });
  await ask('/{model}/metrics', 'post', { body: added });
  assert.deepEqual(done, [
    {
      model: 'm',
      metric: 'bought',
      entries: [
        { by: 'request', principal: 'ann', id: 'r1', value: 1 },
        { by: 'user', user: 'u1', value: 2 },
      ],
    },
    {
      model: 'm',
      metric: 'bought',
      entries: [{ by: 'arm', arm: 'a', count: 3, sum: 2, squares: undefined }],
    },
  ]);
});

for (const body of [
  '{"values":[]}',
  '{"metric":"m"}',
  '{"metric":"m","values":[1]}',
  '{"metric":"m","values":[{"user":"u","value":"1"}]}',
  '{"metric":"m","values":[{"value":1}]}',
  '{"metric":"m","arm":"a","count":"3","sum":2}',
]) {
  test(`no values of a metric: ${body}`, async () => {
    const { done, ask } = setUp();
    await assert.rejects(ask('/{model}/metrics', 'post', { body }), { code: 'invalid_argument' });
    assert.equal(done.length, 0);
  });
}

test('rollouts are listed, shown, started and changed as over gRPC', async () => {
  const { done, ask } = setUp();
  assert.deepEqual(await ask('', 'get'), { rollouts: [report] });
  assert.deepEqual(await ask('/{model}', 'get'), report);
  assert.deepEqual(await ask('', 'post', { body: 'model: m', query: 'why=release+7' }), report);
  assert.deepEqual(await ask('/{model}/pause', 'post', { query: 'why=a%0Ab' }), { rollout: report });
  assert.deepEqual(await ask('/{model}/forget', 'post'), {});
  assert.deepEqual(done, [
    ['model: m', { who: 'ann', why: 'release 7' }],
    ['m', 'pause', { who: 'ann', why: 'a?b' }],
    ['m', 'forget', { who: 'ann', why: '' }],
  ]);
});

for (const [host, allowed] of [
  ['127.0.0.1:8005', true],
  ['[::1]:8005', true],
  ['localhost:8005', true],
  ['evil.example:8005', false],
  ['', false],
] as const) {
  test(`without API keys a call to the host '${host}' is ${allowed ? 'answered' : 'refused'}`, async () => {
    const { ask } = setUp();
    const asked = ask('', 'get', { who: anonymous, host });
    if (allowed) await asked;
    else await assert.rejects(asked, { code: 'permission_denied' });
  });
}
