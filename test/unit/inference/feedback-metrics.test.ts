import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MetricReport } from '../../../src/inference/arm-metrics.ts';
import { noMetrics, reportFeedback } from '../../../src/inference/feedback-metrics.ts';
import type { Principal, Scope } from '../../../src/inference/principal.ts';

function setUp() {
  const reports: MetricReport[] = [];
  const report = async (one: MetricReport) => {
    reports.push(one);
    return { used: one.entries.length, unknown: 1, repeated: 0, unused: 0 };
  };
  const tell = (
    principal: string,
    metrics: Readonly<Record<string, unknown>>,
    { ids = ['r1'], scopes = ['infer'] }: { ids?: readonly string[]; scopes?: readonly Scope[] } = {},
  ) => {
    const caller: Principal = { name: 'ann', scopes: new Set(scopes), weight: 1 };
    const requests = ids.map((id) => ({ id, metrics: Object.entries(metrics) }));
    return reportFeedback({ model: 'm', principal, requests }, caller, report);
  };
  return { reports, tell };
}

test('values are told by metric, and are of the caller where nobody is named', async () => {
  const { reports, tell } = setUp();
  const counts = await tell('', { bought: 1, rating: 4 }, { ids: ['r1', 'r2'] });
  assert.deepEqual(counts, { used: 4, unknown: 2, repeated: 0, unused: 0 });
  assert.deepEqual(
    reports.map(({ metric, entries }) => [metric, entries]),
    ['bought', 'rating'].map((metric) => [
      metric,
      ['r1', 'r2'].map((id) => ({
        by: 'request',
        principal: 'ann',
        id,
        value: metric === 'bought' ? 1 : 4,
      })),
    ]),
  );
});

test("nobody tells of others' requests without the scope admin", async () => {
  const { reports, tell } = setUp();
  await assert.rejects(tell('bob', { bought: 1 }), { reason: 'SCOPE_MISSING' });
  assert.equal(reports.length, 0);
  await tell('bob', { bought: 1 }, { scopes: ['infer', 'admin'] });
  assert.equal(reports.length, 1);
});

test('feedback without metrics tells nothing', async () => {
  const { reports, tell } = setUp();
  assert.equal(await tell('', {}), noMetrics);
  assert.equal(reports.length, 0);
});

const many = Object.fromEntries(Array.from({ length: 21 }, (_, metric) => [`m${metric}`, 1]));
const ids = Array.from({ length: 10_001 }, (_, id) => `r${id}`);
for (const [title, metrics, of] of [
  ['no numbers', { bought: '1' }, ['r1']],
  ['too many metrics', many, ['r1']],
  ['too many values', { bought: 1 }, ids],
  ['no request', { bought: 1 }, ['']],
] as const) {
  test(`feedback with ${title} is refused as a whole`, async () => {
    const { reports, tell } = setUp();
    await assert.rejects(tell('', metrics, { ids: of }), { reason: 'ROLLOUT_METRIC' });
    assert.equal(reports.length, 0);
  });
}
