import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServingError } from '../../../src/errors.ts';
import { planEnsemble } from '../../../src/ensembles/plan-ensemble.ts';
import type { OpenedModel, SessionPlan } from '../../../src/inference/executor.ts';
import type { Target } from '../../../src/inference/target.ts';
import type { NewTarget, Publication, PublishedModel } from '../../../src/io-threads/messages.ts';
import { ServedModels } from '../../../src/io-threads/served-models.ts';
import { ThreadMonitors } from '../../../src/io-threads/thread-monitors.ts';
import { completeConfig } from '../../../src/models/complete-config.ts';
import { configFromJson } from '../../../src/models/config-from-json.ts';
import { silentLogger } from '../../../src/inference/logger.ts';
import { createSharedStatistics } from '../../../src/observability/shared-statistics.ts';
import { ModelStatistics } from '../../../src/observability/statistics.ts';
import { buildSteps } from '../../support/build-ensemble.ts';
import { buildScheduling, buildSpec } from '../../support/build-target.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { PuppetExecutor } from '../../support/puppet-executor.ts';

const plan: SessionPlan = {
  name: 'm',
  modelPath: 'm.onnx',
  instances: [{ name: 'cpu', deviceId: 0, options: {} }],
  intraOpThreads: 0,
  interOpThreads: 0,
  executionMode: 'sequential',
  graphOptimization: 'all',
  memoryArena: true,
  memoryPattern: true,
  configEntries: {},
  placement: 'auto',
  isolation: 'thread',
  allowProviderFallback: false,
};

const metadata = {
  inputs: [{ name: 'x', datatype: 'FP32' as const, shape: ['n', 2] }],
  outputs: [{ name: 'y', datatype: 'FP32' as const, shape: ['n', 2] }],
};

const config = completeConfig(configFromJson('{"max_batch_size": 8}', 'm'), metadata, {
  model: 'm',
  defaultMaxBatchSize: 8,
  logger: silentLogger,
});

const memories = (): readonly SharedArrayBuffer[] =>
  Array.from({ length: 2 }, () => new SharedArrayBuffer(ModelStatistics.sizeBytes));

function newTarget(id: number, overrides: Partial<NewTarget> = {}): NewTarget {
  return {
    id,
    spec: buildSpec(),
    scheduling: buildScheduling(),
    rehearsed: [],
    sample: undefined,
    config,
    memories: memories(),
    batchingOffReason: '',
    ...overrides,
  };
}

function published(versions: PublishedModel['versions']): PublishedModel {
  return { name: 'm', intended: true, problem: '', ready: true, versions };
}

/** As it arrives in a thread. */
function crossed(publication: Publication): Publication {
  return structuredClone(publication);
}

function createModels(index = 0): { models: ServedModels; closed: number[]; off: [Target, string][] } {
  const closed: number[] = [];
  const off: [Target, string][] = [];
  let opens = 0;
  const clock = new FakeClock();
  const models = new ServedModels({
    index,
    clock,
    monitors: new ThreadMonitors(clock, 1),
    openModel: () => {
      const number = opens++;
      const opened: OpenedModel = {
        metadata,
        executors: [new PuppetExecutor()],
        async [Symbol.asyncDispose]() {
          closed.push(number);
        },
      };
      return Promise.resolve(opened);
    },
    onNotBatchable: (target, reason) => void off.push([target, reason]),
  });
  return { models, closed, off };
}

test('a published model is routed to with the sessions of this thread, and described by the catalog', async () => {
  await using models = createModels().models;
  assert.deepEqual(await models.open({ id: 7, plan }), { metadata, executors: 1 });
  assert.throws(() => models.router.route('m', ''), ServingError);
  const versions = new Map([['1', { kind: 'ready', id: 7, problem: '' }]] as const);
  models.publish(
    crossed({
      ready: true,
      starting: false,
      models: [published(versions)],
      added: [newTarget(7)],
      splits: new Map(),
    }),
  );
  const target = models.router.route('m', '');
  assert.equal(target, models.target(7));
  assert.ok(target.executors[0] instanceof PuppetExecutor);
  assert.equal(models.catalog.ready(), true);
  assert.deepEqual(models.catalog.metadata('m', '').versions, ['1']);
  assert.deepEqual(models.catalog.index(false), [{ name: 'm', version: '1', state: 'READY', reason: '' }]);
});

test('a target keeps its identity through publications that do not touch it', async () => {
  await using models = createModels().models;
  await models.open({ id: 0, plan });
  const versions = new Map([['1', { kind: 'ready', id: 0, problem: '' }]] as const);
  models.publish(
    crossed({
      ready: false,
      starting: false,
      models: [published(versions)],
      added: [newTarget(0)],
      splits: new Map(),
    }),
  );
  const before = models.router.route('m', '1');
  models.publish(
    crossed({ ready: true, starting: false, models: [published(versions)], added: [], splits: new Map() }),
  );
  assert.equal(models.router.route('m', '1'), before);
});

test('states of versions that do not serve are told as the main thread has them', async () => {
  await using models = createModels().models;
  const versions = new Map([
    ['1', { kind: 'loading' }],
    ['2', { kind: 'unavailable', reason: 'broken' }],
  ] as const);
  models.publish(
    crossed({ ready: false, starting: false, models: [published(versions)], added: [], splits: new Map() }),
  );
  assert.throws(() => models.router.route('m', '1'), /not at ready state/);
  assert.deepEqual(
    models.catalog.index(false).map(({ state, reason }) => [state, reason]),
    [
      ['LOADING', ''],
      ['UNAVAILABLE', 'broken'],
    ],
  );
  assert.equal(models.catalog.ready(), false);
});

test('statistics of all threads are summed by each', async () => {
  const shared = memories();
  await using models = createModels(1).models;
  await models.open({ id: 0, plan });
  const versions = new Map([['1', { kind: 'ready', id: 0, problem: '' }]] as const);
  const added = [newTarget(0, { memories: shared })];
  models.publish({ ready: true, starting: false, models: [published(versions)], added, splits: new Map() });
  const clock = new FakeClock();
  const other = createSharedStatistics({ name: 'm', version: '1', clock, memories: shared, writer: 0 });
  other.recordSuccess(2, 'grpc');
  models.router.route('m', '').statistics.recordSuccess(3, 'grpc');
  assert.equal(models.catalog.statistics('m', '')[0]?.success.count, 2);
  assert.equal(other.snapshot().success.ns, 5e6);
});

test('a model whose rows depend on each other is not batched here either', async () => {
  const { models, off } = createModels();
  await models.open({ id: 0, plan });
  const versions = new Map([['1', { kind: 'ready', id: 0, problem: '' }]] as const);
  const added = [newTarget(0, { batchingOffReason: 'rows differ' })];
  models.publish({ ready: true, starting: false, models: [published(versions)], added, splits: new Map() });
  assert.deepEqual(off, [[models.router.route('m', ''), 'rows differ']]);
  await models[Symbol.asyncDispose]();
});

test('closing ends the sessions of one number, and disposing those of all', async () => {
  const { models, closed } = createModels();
  for (const id of [0, 1, 2]) await models.open({ id, plan });
  await models.close(1);
  assert.deepEqual(closed, [1]);
  await assert.rejects(
    models.run({ id: 1, executor: 0, batch: { inputs: [], outputs: ['y'], rows: 1 } }),
    /not open here/,
  );
  await models[Symbol.asyncDispose]();
  assert.deepEqual(closed, [1, 0, 2]);
});

test('an ensemble has no sessions, and serves in a thread only while its steps do there', async () => {
  await using models = createModels().models;
  await models.open({ id: 0, plan });
  assert.deepEqual(await models.open({ id: 1, plan: undefined }), {
    metadata: { inputs: [], outputs: [] },
    executors: 0,
  });
  const spec = buildSpec({ name: 'e', platform: 'ensemble' });
  const steps = buildSteps([{ model_name: 'm', input_map: { x: 'x' }, output_map: { y: 'y' } }]);
  const ensemble = newTarget(1, { spec, ensemble: planEnsemble(spec, steps) });
  const ready = (id: number) => new Map([['1', { kind: 'ready', id, problem: '' }]] as const);
  const both = [published(ready(0)), { ...published(ready(1)), name: 'e' }];
  models.publish(
    crossed({
      ready: true,
      starting: false,
      models: both,
      added: [newTarget(0), ensemble],
      splits: new Map(),
    }),
  );
  assert.equal(models.router.route('e', '').ensemble?.steps[0]?.model, 'm');
  const alone = [published(new Map([['1', { kind: 'unloading' }]] as const)), ...both.slice(1)];
  models.publish(crossed({ ready: true, starting: false, models: alone, added: [], splits: new Map() }));
  assert.throws(() => models.router.route('e', ''), /no available versions/);
  assert.match(models.catalog.index(false)[0]?.reason ?? '', /needs model 'm', which is not ready/);
});
