import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readPlan } from '../../../src/rollouts/read-plan.ts';
import { FakeClock, settled } from '../../support/fake-clock.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { puppetController, PuppetTraffic } from '../../support/puppet-rollouts.ts';

const text = 'model: m\nstable: 1\ncandidate: 2\nminutes: 0.05\nsamples: 100\nsteps: [10, 50, 100]\n';
const ann = { who: 'ann', why: 'release 7' };

async function setUp(store = new MemoryStore(), traffic = new PuppetTraffic()) {
  const clock = new FakeClock();
  const controller = puppetController(traffic, store, clock);
  await controller.restore();
  const look = (times = 1): Promise<void> => clock.advanceSettling(300 * times);
  /** Requests of both arms, as good as each other. */
  const serve = (): void => {
    traffic.add('stable', { requests: 900, failures: 9 });
    traffic.add('canary', { requests: 100, failures: 1 });
  };
  return { clock, controller, store, traffic, look, serve };
}

test('a canary goes through its steps to everybody, and its history says so', async () => {
  const { controller, traffic, look, serve } = await setUp();
  await controller.start(text, ann);
  const seen: (number | undefined)[] = [];
  for (let tick = 0; tick < 40; tick++) {
    serve();
    await look();
    if (seen.at(-1) !== traffic.weightOf('canary')) seen.push(traffic.weightOf('canary'));
  }
  assert.deepEqual(seen, [1000, 5000, 10_000]);
  const { phase, history } = controller.report('m');
  assert.equal(phase, 'promoted');
  assert.deepEqual(
    history.map(({ who, what }) => `${who} ${what}`),
    ['ann started', 'controller began', 'controller advanced', 'controller advanced', 'controller completed'],
  );
  // Who takes no part is served by the new version from now on.
  assert.equal(traffic.splits.get('m')?.arms[0]?.version, '2');
  await controller[Symbol.asyncDispose]();
});

test('a harmful canary is gone within one look, and says why', async () => {
  const { controller, traffic, look } = await setUp();
  await controller.start(text, ann);
  await look();
  for (let tick = 0; tick < 20 && traffic.weightOf('canary') !== 0; tick++) {
    traffic.add('stable', { requests: 900, failures: 9 });
    traffic.add('canary', { requests: 100, failures: 20 });
    await look();
  }
  assert.equal(traffic.weightOf('canary'), 0);
  const { phase, history, verdict } = controller.report('m');
  assert.equal(phase, 'rolled_back');
  assert.match(history.at(-1)?.why ?? '', /^errors: 20 % of \d+ canary requests against 1 %/);
  assert.match(verdict.join('\n'), /To do: find out why/);
  await controller[Symbol.asyncDispose]();
});

test('a rollback takes effect although it cannot be kept, and is kept as soon as it can', async () => {
  const { controller, store, traffic, look } = await setUp();
  await controller.start(text, ann);
  await look();
  store.failing = true;
  traffic.add('canary', { broken: 1 });
  await look();
  assert.equal(traffic.weightOf('canary'), 0);
  assert.match(store.kept.get('m') ?? '', /"phase":"running"/);
  store.failing = false;
  await look();
  assert.match(store.kept.get('m') ?? '', /"phase":"rolled_back"/);
  await controller[Symbol.asyncDispose]();
});

test('a step that cannot be kept is not taken', async () => {
  const { controller, store, traffic, look, serve } = await setUp();
  await controller.start(text, ann);
  await look();
  store.failing = true;
  for (let tick = 0; tick < 12; tick++) {
    serve();
    await look();
  }
  assert.equal(traffic.weightOf('canary'), 1000);
  store.failing = false;
  await look();
  assert.equal(traffic.weightOf('canary'), 5000);
  await controller[Symbol.asyncDispose]();
});

test('another process resumes a rollout exactly: step, time, samples and evidence', async () => {
  const first = await setUp();
  await first.controller.start(text, ann);
  for (let tick = 0; tick < 15; tick++) {
    first.serve();
    await first.look();
  }
  const before = first.controller.report('m');
  assert.equal(before.step, 2);
  await first.controller[Symbol.asyncDispose]();
  const second = await setUp(first.store);
  assert.equal(second.traffic.weightOf('canary'), 5000);
  assert.deepEqual({ ...second.controller.report('m'), waiting_for: '' }, { ...before, waiting_for: '' });
  for (let tick = 0; tick < 15; tick++) {
    second.serve();
    await second.look();
  }
  assert.equal(second.controller.report('m').phase, 'promoted');
  await second.controller[Symbol.asyncDispose]();
});

test('pause holds the next step back until resume, and goes on watching', async () => {
  const { controller, traffic, look, serve } = await setUp();
  await controller.start(text, ann);
  await look();
  await controller.change('m', 'pause', ann);
  for (let tick = 0; tick < 20; tick++) {
    serve();
    await look();
  }
  assert.equal(traffic.weightOf('canary'), 1000);
  await controller.change('m', 'resume', ann);
  for (let tick = 0; tick < 12; tick++) {
    serve();
    await look();
  }
  assert.equal(traffic.weightOf('canary'), 5000);
  await controller.change('m', 'pause', ann);
  traffic.add('canary', { broken: 1 });
  await look();
  assert.equal(controller.report('m').phase, 'rolled_back');
  await controller[Symbol.asyncDispose]();
});

test('abort goes back at once, also after a promotion, while the stable version is there', async () => {
  const { controller, traffic, look } = await setUp();
  await controller.start(text, ann);
  await look();
  await controller.change('m', 'promote', ann);
  assert.deepEqual([traffic.weightOf('canary'), traffic.weightOf('stable')], [10_000, 0]);
  traffic.readyVersions.delete('1');
  await assert.rejects(controller.change('m', 'abort', ann), { reason: 'ROLLOUT_VERSION' });
  traffic.readyVersions.add('1');
  await controller.change('m', 'abort', { who: 'bob', why: 'complaints' });
  assert.deepEqual([traffic.weightOf('canary'), traffic.weightOf('stable')], [0, 10_000]);
  const last = controller.report('m').history.at(-1);
  assert.deepEqual([last?.who, last?.what, last?.why], ['bob', 'aborted', 'complaints']);
  await controller[Symbol.asyncDispose]();
});

test('what is over has no time left, and a change without a reason shows none', async () => {
  const { controller, look } = await setUp();
  await controller.start(text, ann);
  await look(2);
  assert.match(controller.report('m').waiting_for, /left of this step/);
  await controller.change('m', 'promote', { who: 'ann', why: '' });
  const { waiting_for: waiting, verdict } = controller.report('m');
  assert.equal(waiting, '');
  assert.match(verdict.join('\n'), /Abort it to go back at once\.$/m);
  await controller.change('m', 'abort', { who: 'ann', why: 'too slow' });
  assert.match(controller.report('m').verdict.join('\n'), /serves everybody\. \(too slow\)$/m);
  await controller[Symbol.asyncDispose]();
});

test('forget gives the model back to its newest version, once the rollout is over', async () => {
  const { controller, traffic, store } = await setUp();
  await controller.start(text, ann);
  await assert.rejects(controller.change('m', 'forget', ann), { reason: 'ROLLOUT_PHASE' });
  await controller.change('m', 'abort', ann);
  assert.equal(await controller.change('m', 'forget', ann), undefined);
  assert.deepEqual([traffic.splits.size, store.kept.size], [0, 0]);
  assert.throws(() => controller.report('m'), { reason: 'ROLLOUT_NOT_FOUND' });
  await controller[Symbol.asyncDispose]();
});

test('what cannot start does not', async () => {
  const { controller, traffic } = await setUp();
  traffic.mismatch = "version 2 has no input 'x'";
  await assert.rejects(controller.start(text, ann), {
    reason: 'ROLLOUT_VERSION',
    message: /has no input 'x'/,
  });
  traffic.mismatch = '';
  traffic.readyVersions.delete('1');
  await assert.rejects(controller.start(text, ann), { reason: 'ROLLOUT_VERSION', message: /num_versions/ });
  traffic.readyVersions.add('1');
  await controller.start(text, ann);
  await assert.rejects(controller.start(text, ann), { reason: 'ROLLOUT_EXISTS' });
  await assert.rejects(controller.change('m', 'resume', ann), { reason: 'ROLLOUT_PHASE' });
  await controller[Symbol.asyncDispose]();
});

test('a rollout waits for its candidate, and the stable version serves meanwhile', async () => {
  const { controller, traffic, look } = await setUp();
  traffic.readyVersions.delete('2');
  await controller.start(text, ann);
  await look();
  assert.deepEqual([traffic.weightOf('stable'), controller.report('m').phase], [10_000, 'waiting']);
  traffic.readyVersions.add('2');
  await look();
  assert.deepEqual([traffic.weightOf('canary'), controller.report('m').phase], [1000, 'running']);
  await controller[Symbol.asyncDispose]();
});

test('declared rollouts begin before their versions are ready, go on as they are, and give way to other plans', async () => {
  const { controller, traffic, look } = await setUp();
  traffic.readyVersions.clear();
  const plan = readPlan({ model: 'm', stable: 1, candidate: 2 });
  await controller.declare([plan]);
  assert.equal(traffic.weightOf('stable'), 10_000);
  traffic.readyVersions.add('2');
  await look();
  await controller.declare([readPlan({ model: 'm', stable: 1, candidate: 2 })]);
  assert.equal(controller.report('m').phase, 'running');
  await controller.declare([readPlan({ model: 'm', stable: 1, candidate: 3 })]);
  assert.deepEqual(
    [controller.report('m').candidate_version, controller.report('m').phase],
    ['3', 'waiting'],
  );
  await controller[Symbol.asyncDispose]();
});

test('blue-green gives everybody the new version at once, and keeps the old for a while', async () => {
  const { controller, traffic, look } = await setUp();
  await controller.start(
    '{ model: m, stable: 1, candidate: 2, strategy: blue-green, keepMinutes: 0.05 }',
    ann,
  );
  await look();
  assert.deepEqual([traffic.weightOf('green'), controller.report('m').phase], [10_000, 'running']);
  await look(12);
  assert.equal(controller.report('m').phase, 'promoted');
  await controller.change('m', 'abort', ann);
  assert.equal(traffic.weightOf('blue'), 10_000);
  await controller[Symbol.asyncDispose]();
});

test('a shadow has no users, is finished with its samples, and may be promoted then', async () => {
  const { controller, traffic, look } = await setUp();
  const plan = '{ model: m, stable: 1, candidate: 2, strategy: shadow, minutes: 0, samples: 0 }';
  await controller.start(plan, ann);
  await look();
  assert.deepEqual(
    [traffic.splits.get('m')?.arms.length, traffic.splits.get('m')?.shadow?.version],
    [1, '2'],
  );
  await look();
  assert.equal(controller.report('m').phase, 'finished');
  assert.equal(traffic.splits.get('m')?.shadow, undefined);
  await controller[Symbol.asyncDispose]();
});

test('without a rollout nothing is looked at, and nothing wakes up', async () => {
  const { controller, clock } = await setUp();
  await settled();
  assert.equal(clock.pending, 0);
  await controller[Symbol.asyncDispose]();
  assert.equal(clock.pending, 0);
});

test('a rollout that asks for accuracy does not start where nobody waits for labels', async () => {
  const { controller } = await setUp();
  const plan = `${text}guards: { metric: { name: accuracy } }`;
  await assert.rejects(controller.start(plan, ann), { reason: 'ROLLOUT_VERSION', message: /waits for none/ });
  await controller[Symbol.asyncDispose]();
});
