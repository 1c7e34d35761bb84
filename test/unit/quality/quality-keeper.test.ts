import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ModelSpec } from '../../../src/inference/model-spec.ts';
import type { Monitor, MonitoringPlan } from '../../../src/inference/monitoring.ts';
import { anonymous } from '../../../src/inference/principal.ts';
import { FileQualityStore } from '../../../src/quality/file-store.ts';
import { ModelMonitors } from '../../../src/quality/model-monitors.ts';
import type { QualityStore } from '../../../src/quality/quality-store.ts';
import { buildTarget } from '../../support/build-target.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { forgetfulStore } from '../../support/forgetful-store.ts';
import { Latch } from '../../support/latch.ts';
import { RecordingLogger } from '../../support/recording-logger.ts';
import { seededNormal } from '../../support/seeded-random.ts';
import { TemporaryFolder } from '../../support/temporary-folder.ts';
import { watchedSpec, watchRequest } from '../../support/watched-requests.ts';

const monitoring: MonitoringPlan = {
  feedback: {
    keepRequests: 10_000,
    keepMs: 3_600_000,
    windowLabels: 100,
    baseline: { metric: 'accuracy', value: 0.9 },
    alertBelow: 0.95,
  },
  drift: { profile: undefined, firstRows: 1000, rowsPerSecond: 100_000, windowMs: 0, windowRows: 500 },
};
const spec = watchedSpec(monitoring);

function planOf({ features }: ModelSpec): MonitoringPlan {
  return features?.monitoring ?? monitoring;
}

interface Process extends AsyncDisposable {
  readonly monitors: ModelMonitors;
  readonly monitor: Monitor;
  readonly logger: RecordingLogger;
  readonly label: (id: string, label: string) => Promise<string>;
  readonly reload: (of: ModelSpec) => Promise<Monitor>;
}

/** As a server is from its start to its end. */
async function start(folder: string, clock: FakeClock, of: ModelSpec = spec): Promise<Process> {
  const logger = new RecordingLogger();
  const openStore = (): Promise<QualityStore> =>
    Promise.resolve(new FileQualityStore({ folder, clock, logger }));
  const monitors = new ModelMonitors({ clock, logger, webhook: undefined, openStore });
  let served = { ...buildTarget([]), spec: of, monitor: await monitors.create(of, planOf(of)) };
  monitors.follow(() => [served]);
  return {
    monitors,
    monitor: served.monitor,
    logger,
    async label(id, label) {
      const labels = [{ id, labels: [label] }];
      const counts = await monitors.feedback({ model: 'm', version: '', principal: '', labels }, anonymous);
      return Object.entries(counts).find(([, count]) => count === 1)?.[0] ?? '';
    },
    async reload(next) {
      served = { ...served, spec: next, monitor: await monitors.create(next, planOf(next)) };
      return served.monitor;
    },
    [Symbol.asyncDispose]: () => monitors[Symbol.asyncDispose](),
  };
}

/** Requests and labels from number `from` to `to` of one long history. */
async function live(
  { monitor, label }: Process,
  clock: FakeClock,
  [from, to]: [number, number],
): Promise<void> {
  const normal = seededNormal(11);
  for (let i = 0; i < to; i++) {
    const row = [normal(), normal() + (i > 2000 ? 2 : 0)];
    const yes = 0.5 + (normal() % 0.4);
    if (i < from) continue;
    clock.advance(1);
    watchRequest(monitor, { id: `r${i}`, row, yes, nowMs: clock.now() });
    if (i % 7 === 0) await label(`r${i}`, i % 3 === 0 ? 'no' : 'yes');
  }
}

test('after a restart everything goes on as if there had been none', async () => {
  using folder = new TemporaryFolder();
  const clock = new FakeClock();
  const stayed = await start(join(folder.path, 'a'), clock);
  await live(stayed, clock, [0, 3400]);
  const expected = stayed.monitors.report('m', '');
  await stayed[Symbol.asyncDispose]();

  const again = new FakeClock();
  // In the middle of the reference, of a window, between two windows that exceed, and after them.
  for (const [from, to] of [
    [0, 1000],
    [1000, 1300],
    [1300, 2700],
    [2700, 3400],
  ] as const) {
    await using process = await start(join(folder.path, 'b'), again);
    await live(process, again, [from, to]);
    assert.deepEqual(
      process.logger.lines.filter(({ message }) => message !== 'model quality'),
      [],
    );
  }
  await using last = await start(join(folder.path, 'b'), again);
  const [version] = last.monitors.report('m', '').versions;
  const [before] = expected.versions;
  // What versions are compared by is of one process.
  const total = before?.feedback?.total;
  assert.deepEqual(version, {
    ...before,
    feedback: { ...before?.feedback, total: version?.feedback?.total },
  });
  assert.deepEqual(total?.outcomes, 486);
  assert.deepEqual(version?.feedback?.total, { outcomes: 0, errors: 0 });
  assert.equal(version?.inputs?.window?.features[1]?.drifted, true);
  assert.equal(await last.label('r3388', 'yes'), 'repeated');
  assert.equal(await last.label('r3389', 'yes'), 'accepted');
});

test('a reload of the same model goes on, that of another one begins anew, and says nothing', async () => {
  using folder = new TemporaryFolder();
  const clock = new FakeClock();
  await using process = await start(folder.path, clock);
  watchRequest(process.monitor, { id: 'a' });
  const before = process.monitor;
  const same = await process.reload(spec);
  // An answer of the one before that is on its way.
  watchRequest(before, { id: 'b' });
  watchRequest(same, { id: 'c' });
  for (const id of ['a', 'b', 'c']) assert.equal(await process.label(id, 'yes'), 'accepted');
  await process.reload(watchedSpec(monitoring, { digest: 'other' }));
  assert.equal(await process.label('a', 'yes'), 'unknown');
  assert.equal(process.monitors.reports()[0]?.feedback?.accepted, 0);
});

test('what another model of that name has left is not taken for its own', async () => {
  using folder = new TemporaryFolder();
  const clock = new FakeClock();
  const first = await start(folder.path, clock);
  watchRequest(first.monitor, { id: 'a' });
  await first[Symbol.asyncDispose]();
  await using second = await start(folder.path, clock, watchedSpec(monitoring, { digest: 'other' }));
  assert.equal(await second.label('a', 'yes'), 'unknown');
  assert.deepEqual(
    second.logger.lines.map(({ message }) => message),
    [
      'predictions that waited for labels are of another model, or another version of this program',
      'what was kept of its quality is of another model or configuration; it begins anew',
    ],
  );
});

test('files that cannot be read are said once, and nobody fails because of them', async () => {
  using folder = new TemporaryFolder();
  const clock = new FakeClock();
  const first = await start(folder.path, clock);
  watchRequest(first.monitor, { id: 'a' });
  await first[Symbol.asyncDispose]();
  for (const name of readdirSync(folder.path)) {
    const path = join(folder.path, name);
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, name.endsWith('.json') ? text.slice(0, 40) : `${text}{]\n[1,2]\n["x"`);
  }
  const second = await start(folder.path, clock);
  assert.equal(await second.label('a', 'yes'), 'accepted');
  watchRequest(second.monitor, { id: 'b' });
  assert.deepEqual(
    second.logger.lines.map(({ message }) => message),
    [
      '3 lines of predictions that waited for labels cannot be read',
      'what was kept of its quality cannot be read; it begins anew',
    ],
  );
  await second[Symbol.asyncDispose]();
  await using third = await start(folder.path, clock);
  assert.equal(await third.label('b', 'yes'), 'accepted');
});

test('a folder that cannot be written is said, and monitoring goes on', async () => {
  using folder = new TemporaryFolder();
  const clock = new FakeClock();
  const file = folder.write('file', '');
  const process = await start(join(file, 'below'), clock);
  watchRequest(process.monitor, { id: 'a' });
  assert.equal(await process.label('a', 'yes'), 'accepted');
  await process[Symbol.asyncDispose]();
  const messages = process.logger.lines.map(({ message }) => message);
  assert.ok(messages.includes('its quality cannot be kept'), messages.join());
});

test('predictions fill two files at most, and the newest are in them', async () => {
  using folder = new TemporaryFolder();
  mkdirSync(folder.path, { recursive: true });
  const clock = new FakeClock();
  const few = { ...monitoring, feedback: { ...monitoring.feedback!, keepRequests: 10 } };
  const of = watchedSpec(few);
  for (let round = 0; round < 3; round++) {
    await using process = await start(folder.path, clock, of);
    const monitor = await process.reload(of);
    for (let i = 0; i < 25; i++) watchRequest(monitor, { id: `${round}-${i}` });
  }
  const kept = readdirSync(folder.path)
    .filter((name) => !name.endsWith('.json'))
    .map((name) => readFileSync(join(folder.path, name), 'utf8').split('\n').length);
  assert.equal(kept.length, 2);
  await using process = await start(folder.path, clock, of);
  assert.equal(await process.label('2-24', 'yes'), 'accepted');
});

test('it is written now and then, when there is something new', async () => {
  const clock = new FakeClock();
  const logger = new RecordingLogger();
  const saves: string[] = [];
  let saved = new Latch();
  const store = forgetfulStore({
    save: (_, text) => {
      saves.push(text);
      saved.open();
      return Promise.resolve(true);
    },
    unchanged: () => {
      saved.open();
      return Promise.resolve(true);
    },
  });
  await using monitors = new ModelMonitors({
    clock,
    logger,
    webhook: undefined,
    openStore: () => Promise.resolve(store),
  });
  const monitor = await monitors.create(spec, monitoring);
  monitors.follow(() => [{ ...buildTarget([]), spec, monitor }]);
  watchRequest(monitor, { id: 'a' });
  for (const expected of [1, 1]) {
    saved = new Latch();
    clock.advance(10_000);
    await saved.opened;
    // The next round is planned once this one is through.
    while (clock.pending === 0) await Promise.resolve();
    assert.equal(saves.length, expected);
  }
});
