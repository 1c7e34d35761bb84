import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServingError } from '../../../src/errors.ts';
import type { RolloutReport } from '../../../src/inference/rollout-admin.ts';
import { readPlanText } from '../../../src/rollouts/read-plan.ts';
import { VersionChanges } from '../../../src/sources/version-changes.ts';
import { buildReport } from '../../support/build-rollout.ts';
import { RecordingLogger } from '../../support/recording-logger.ts';
import { refusalOf } from '../../support/refusal.ts';
import { TemporaryFolder } from '../../support/temporary-folder.ts';

const change = { model: 'm', stable: '1', candidate: '2' };

class Bench {
  readonly logger = new RecordingLogger();
  readonly started: string[] = [];
  readonly changed: string[] = [];
  reports: RolloutReport[] = [];
  ready = true;
  failure: Error | undefined = undefined;
  readonly changes: VersionChanges;

  constructor(rollout = 'canary') {
    this.changes = new VersionChanges({
      rollout,
      logger: this.logger,
      ready: () => this.ready,
      rollouts: () => ({
        reports: () => this.reports,
        start: (plan) => {
          this.started.push(plan);
          return this.failure === undefined ? Promise.resolve(buildReport()) : Promise.reject(this.failure);
        },
        change: (model, action) => {
          this.changed.push(`${action} ${model}`);
          return Promise.resolve(undefined);
        },
      }),
    });
  }
}

test('a rollout begins for a new version', async () => {
  const bench = new Bench();
  assert.equal(await bench.changes.approve(change), false);
  bench.changes.started();
  assert.equal(await bench.changes.approve(change), true);
  const { model, strategy, stable, candidate } = readPlanText(bench.started[0] ?? '');
  assert.deepEqual({ model, strategy, stable, candidate }, { ...change, strategy: 'canary' });
});

test('a file says how', async () => {
  using folder = new TemporaryFolder();
  const bench = new Bench(folder.write('plan.yaml', 'strategy: blue-green\nkeepMinutes: 7\n'));
  bench.changes.started();
  assert.equal(await bench.changes.approve(change), true);
  assert.deepEqual(readPlanText(bench.started[0] ?? '').steps[0]?.minMs, 7 * 60_000);
});

test('without anybody served there is nothing to compare with', async () => {
  const bench = new Bench();
  bench.changes.started();
  bench.ready = false;
  assert.equal(await bench.changes.approve(change), true);
  assert.deepEqual(bench.started, []);
});

test('a version waits for the rollout that is under way, which is said once', async () => {
  const bench = new Bench();
  bench.changes.started();
  bench.reports = [buildReport({ phase: 'running', stable_version: '8', candidate_version: '9' })];
  assert.equal(await bench.changes.approve(change), false);
  assert.equal(await bench.changes.approve(change), false);
  assert.equal(bench.logger.lines.length, 1);
  bench.reports = [buildReport({ phase: 'promoted' })];
  assert.equal(await bench.changes.approve(change), true);
});

test('the rollout that has begun for it is not begun again', async () => {
  const bench = new Bench();
  bench.changes.started();
  bench.reports = [buildReport({ phase: 'waiting', stable_version: '1', candidate_version: '2' })];
  assert.equal(await bench.changes.approve(change), true);
  assert.deepEqual(bench.started, []);
});

test('a rollout is aborted when the registry goes back', async () => {
  const bench = new Bench();
  bench.changes.started();
  bench.reports = [buildReport({ phase: 'running', stable_version: '2', candidate_version: '1' })];
  assert.equal(await bench.changes.approve(change), true);
  assert.deepEqual(bench.changed, ['abort m']);
});

test('a plan that is refused holds the version back and says why', async () => {
  const bench = new Bench();
  bench.changes.started();
  bench.failure = new ServingError('invalid_argument', 'rollout: steps must grow');
  assert.equal(await bench.changes.approve(change), false);
  assert.equal(bench.logger.lines[0]?.['problem'], 'rollout: steps must grow');
});

for (const [phase, serving] of [
  ['promoted', '2'],
  ['rolled_back', '1'],
  ['aborted', '1'],
  ['finished', '1'],
  ['running', undefined],
] as const) {
  test(`after a rollout that is ${phase}, ${serving ?? 'nobody knows which version'} serves`, () => {
    const bench = new Bench();
    bench.reports = [buildReport({ phase, stable_version: '1', candidate_version: '2' })];
    assert.equal(bench.changes.serving('m'), serving);
    assert.equal(bench.changes.serving('n'), undefined);
  });
}

test('what is neither a strategy nor a file is refused', () => {
  assert.equal(refusalOf(() => new Bench('carnary')).reason, 'SOURCE_CONFIGURATION');
});
