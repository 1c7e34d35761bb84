import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '../../../src/inference/logger.ts';
import type { MonitoringPlan } from '../../../src/inference/monitoring.ts';
import { anonymous } from '../../../src/inference/principal.ts';
import type { Target } from '../../../src/inference/target.ts';
import { MainQuality } from '../../../src/io-threads/main-quality.ts';
import { ThreadMonitors } from '../../../src/io-threads/thread-monitors.ts';
import { ModelMonitors } from '../../../src/quality/model-monitors.ts';
import { Webhook } from '../../../src/quality/webhook.ts';
import { buildTarget } from '../../support/build-target.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { watchedSpec, watchRequest } from '../../support/watched-requests.ts';

const monitoring: MonitoringPlan = {
  feedback: { keepRequests: 100, keepMs: 10_000, windowLabels: 100, baseline: undefined, alertBelow: 0.95 },
  drift: { profile: undefined, firstRows: 1000, rowsPerSecond: 10, windowMs: 0, windowRows: 500 },
};
const spec = watchedSpec(monitoring);

/** Two threads as the main thread meets them: what they say crosses as a copy. */
async function twoThreads() {
  const clock = new FakeClock();
  const threads = [new ThreadMonitors(clock, 2), new ThreadMonitors(clock, 2)];
  const served = new Map<number, Target>();
  const quality = new MainQuality({
    clock,
    monitors: new ModelMonitors({ clock, logger: silentLogger, webhook: undefined }),
    ask: () => Promise.resolve(threads.map((thread) => structuredClone(thread.take()))),
    targets: () => served,
  });
  const monitor = await quality.create(spec, monitoring);
  served.set(7, { ...buildTarget([]), spec, monitor });
  const own = threads.map((thread) => thread.create(7, spec));
  return { clock, quality, own, served };
}

test('a label finds its request, whichever thread answered it a moment ago', async () => {
  const { clock, quality, own } = await twoThreads();
  watchRequest(own[0], { id: 'a', nowMs: clock.now() });
  watchRequest(own[1], { id: 'b', nowMs: clock.now() });
  const labels = ['a', 'b', 'c'].map((id) => ({ id, labels: ['yes'] }));
  const told = { model: 'm', version: '', principal: '', labels };
  const counts = await quality.handlers.feedback({ feedback: told, caller: anonymous });
  assert.deepEqual(counts, { accepted: 2, unknown: 1, repeated: 0, unfitting: 0 });
  await quality[Symbol.asyncDispose]();
});

test('threads divide the rows that a second has room for, and all are counted together', async () => {
  const { clock, quality, own } = await twoThreads();
  clock.advance(1000);
  for (let i = 0; i < 20; i++)
    for (const monitor of own) watchRequest(monitor, { id: '', nowMs: clock.now() });
  await quality.visit();
  assert.equal(quality.reports()[0]?.inputs?.reference?.rows, 10);
  await quality[Symbol.asyncDispose]();
});

test('the main thread visits by itself, and what could not be read is counted', async () => {
  const { clock, quality, own } = await twoThreads();
  watchRequest(own[0], { id: 'a', scoreBytes: 3, nowMs: clock.now() });
  watchRequest(own[1], { id: 'b', nowMs: clock.now() });
  assert.equal(quality.reports()[0]?.feedback?.kept, 0);
  clock.advance(250);
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  assert.equal(quality.reports()[0]?.failures, 1);
  assert.equal(quality.reports()[0]?.feedback?.kept, 1);
  await quality[Symbol.asyncDispose]();
});

test('more than a visit has room for is not kept, but counted', async () => {
  const { clock, quality, own } = await twoThreads();
  for (let i = 0; i < 20_005; i++) watchRequest(own[0], { id: '', nowMs: clock.now() });
  await quality.visit();
  assert.equal(quality.reports()[0]?.dropped, 5);
  await quality[Symbol.asyncDispose]();
});

test("what was seen of a model that is gone is nobody's", async () => {
  const { clock, quality, own, served } = await twoThreads();
  watchRequest(own[0], { id: 'a', nowMs: clock.now() });
  served.clear();
  await quality.visit();
  assert.deepEqual(quality.reports(), []);
  await quality[Symbol.asyncDispose]();
});

test('the webhook of the main thread is told of as an exporter', async () => {
  const clock = new FakeClock();
  const logger = silentLogger;
  const webhook = new Webhook({ url: 'http://hook', secret: 's', clock, logger });
  const quality = new MainQuality({
    clock,
    monitors: new ModelMonitors({ clock, logger, webhook }),
    ask: () => Promise.resolve([]),
    targets: () => new Map(),
  });
  const { thread, exporters = [] } = quality.observe();
  assert.deepEqual(
    [thread, ...exporters.map(({ exporter, state }) => `${exporter} ${state}`)],
    ['main', 'webhook closed'],
  );
  await quality[Symbol.asyncDispose]();
});
