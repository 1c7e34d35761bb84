import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadSync } from '@grpc/proto-loader';
import { ServingError } from '../../../../src/errors.ts';
import { CallContext } from '../../../../src/inference/call-context.ts';
import type { IndexEntry, LoadOverrides, ModelCatalog } from '../../../../src/inference/catalog.ts';
import type { StatisticsSnapshot } from '../../../../src/inference/statistics.ts';
import { createAdminMethods } from '../../../../src/transport/grpc/admin-service.ts';
import type { AdminSources, BatchingReading } from '../../../../src/transport/grpc/admin-sources.ts';
import type { GrpcCall, GrpcMethod } from '../../../../src/transport/grpc/method.ts';

const root = new URL('../../../../proto/', import.meta.url).pathname;
const service = loadSync('tensorgate/admin/v1/admin.proto', {
  includeDirs: [root],
  keepCase: true,
  longs: Number,
  defaults: true,
  oneofs: true,
})['tensorgate.admin.v1.Admin'];

const timed = { count: 2, ns: 6 };
const snapshot: StatisticsSnapshot = {
  name: 'iris',
  version: '1',
  lastInference: 1000,
  inferenceCount: 8,
  executionCount: 2,
  success: timed,
  fail: timed,
  failReasons: { REJECTED: 1, CANCELED: 0, BACKEND: 0, OTHER: 0 },
  queue: timed,
  computeInput: timed,
  computeInfer: timed,
  computeOutput: timed,
  cacheHit: timed,
  cacheMiss: timed,
  pending: 0,
  batches: [{ batchSize: 4, computeInput: timed, computeInfer: timed, computeOutput: timed }],
  responses: [],
};

const batching: BatchingReading = {
  model: 'iris',
  version: '1',
  batchingOffReason: '',
  paddingOffReason: 'it changes answers',
  queuedRequests: 3,
  queuedRows: 5,
  queuedBytes: 80,
  oldestMs: 1.5,
  runningBatches: 1,
  knees: [{ sizeClass: 2, rows: 16 }],
  curves: [{ sizeClass: 2, costs: [{ rows: 4, ms: 0.25, samples: 9 }] }],
  closed: { slot_free: 7, full: 1 },
  breaker: { state: 'open', cause: 'hang', opened: 2, opensForMs: 1500.5, hungRuns: 1 },
};

const entry: IndexEntry = { name: 'iris', version: '1', state: 'READY', reason: '' };

class Setup {
  readonly done: unknown[] = [];
  readonly lines: unknown[] = [];
  readonly log = { level: 'info' };
  readonly methods: readonly GrpcMethod[];

  constructor() {
    const catalog: ModelCatalog = {
      ready: () => true,
      modelReady: () => true,
      metadata: () => assert.fail('not asked for'),
      config: () => ({}),
      labels: () => new Map(),
      features: () => undefined,
      statistics: () => [snapshot],
      index: (readyOnly) =>
        readyOnly ? [entry] : [entry, { name: 'cold', version: '', state: '', reason: '' }],
      onChange: () => ({ [Symbol.dispose]() {} }),
    };
    const sources: AdminSources = {
      catalog,
      control: {
        load: async (model: string, overrides: LoadOverrides) =>
          void this.done.push(['load', model, overrides]),
        unload: async (model: string, dependents: boolean) =>
          void this.done.push(['unload', model, dependents]),
      },
      batching: () => [batching],
      purge: async (model) => {
        this.done.push(['purge', model]);
        return 3;
      },
      server: () => ({
        id: 'edge',
        version: '1.2.3',
        draining: false,
        uptimeMs: 1500,
        residentBytes: 10,
        budgetUsedBytes: 1,
        budgetBytes: 2,
        listeners: ['grpc 127.0.0.1:1'],
      }),
      exporters: async () => [
        { exporter: 'traces', state: 'open', cause: 'failures', opened: 2, opensForMs: 1500 },
      ],
      drain: () => void this.done.push('drain'),
      log: this.log,
      logger: {
        debug() {},
        warn() {},
        error() {},
        info: (fields, message) => void this.lines.push([message, fields]),
      },
    };
    this.methods = createAdminMethods(sources);
  }

  async call(rpc: string, request: object): Promise<Record<string, unknown>> {
    if (service === undefined || 'format' in service) throw new Error('no service');
    const definition = service[rpc];
    const method = this.methods.find(({ path }) => path === definition?.path);
    if (definition === undefined || method?.kind !== 'unary') throw new Error(`no rpc ${rpc}`);
    const call: GrpcCall = {
      context: new CallContext(0, Infinity, { name: 'operator', scopes: new Set(['admin']), weight: 1 }),
      path: method.path,
      peer: '127.0.0.1:9',
      metadata: () => undefined,
      allMetadata: () => [],
      addHeader() {},
      addTrailer() {},
    };
    const reply = await method.handle(definition.requestSerialize(request), call);
    return definition.responseDeserialize(
      Buffer.concat(reply instanceof Uint8Array ? [reply] : reply),
    ) as Record<string, unknown>;
  }
}

test('every rpc of the proto is served, and needs the scope admin', () => {
  const { methods } = new Setup();
  assert.ok(service !== undefined && !('format' in service));
  assert.deepEqual(
    methods.map(({ path }) => path).toSorted(),
    Object.values(service)
      .map(({ path }) => path)
      .toSorted(),
  );
  assert.ok(methods.every(({ scope }) => scope === 'admin'));
});

test('models are listed with their state, ready ones alone when asked', async () => {
  const setup = new Setup();
  const { models } = await setup.call('ListModels', {});
  assert.deepEqual(models, [entry, { name: 'cold', version: '', state: '', reason: '' }]);
  assert.deepEqual((await setup.call('ListModels', { ready_only: true }))['models'], [entry]);
});

test('a model is loaded with its overrides, and the change is logged with the name of the caller', async () => {
  const setup = new Setup();
  const request = { name: 'iris', config: '{}', files: { '1/model.onnx': Buffer.of(1) } };
  assert.deepEqual(await setup.call('LoadModel', request), { versions: [entry] });
  const files = new Map([['1/model.onnx', Buffer.of(1)]]);
  assert.deepEqual(setup.done, [['load', 'iris', { config: '{}', files }]]);
  assert.deepEqual(setup.lines, [
    ['admin: load', { model: 'iris', files: 1, principal: 'operator', peer: '127.0.0.1:9' }],
  ]);
});

test('without overrides the configuration of the file counts', async () => {
  const setup = new Setup();
  await setup.call('LoadModel', { name: 'iris' });
  assert.deepEqual(setup.done, [['load', 'iris', { config: undefined, files: new Map() }]]);
});

test('a model is unloaded with its dependents only when asked', async () => {
  const setup = new Setup();
  await setup.call('UnloadModel', { name: 'iris' });
  await setup.call('UnloadModel', { name: 'iris', unload_dependents: true });
  assert.deepEqual(setup.done, [
    ['unload', 'iris', false],
    ['unload', 'iris', true],
  ]);
});

test('an empty name is refused', async () => {
  const setup = new Setup();
  for (const rpc of ['LoadModel', 'UnloadModel']) {
    await assert.rejects(
      setup.call(rpc, {}),
      (error) => error instanceof ServingError && error.code === 'invalid_argument',
    );
  }
});

test("a model's status joins what was counted with what the batcher has learned", async () => {
  const { versions } = await new Setup().call('ModelStatus', { name: 'iris' });
  assert.ok(Array.isArray(versions));
  const [status] = versions;
  assert.equal(status.rows, 8);
  assert.deepEqual(status.queue, { count: 2, total_ns: 6 });
  assert.deepEqual(status.failures, { REJECTED: 1, CANCELED: 0, BACKEND: 0, OTHER: 0 });
  assert.deepEqual(status.batch_sizes, { 4: 2 });
  assert.equal(status.batching.waiting_rows, 5);
  assert.deepEqual(status.batching.close_reasons, { slot_free: 7, full: 1 });
  assert.equal(status.batching.padding_off_reason, 'it changes answers');
  assert.deepEqual(status.breaker, {
    state: 'open',
    cause: 'hang',
    opened: 2,
    opens_for_ms: 1500.5,
    hung_runs: 1,
  });
  assert.deepEqual(status.batching.curves, [
    { size_class: 2, costs: [{ rows: 4, milliseconds: 0.25, samples: 9 }], knee_rows: 16 },
  ]);
});

test('the status of the server is told', async () => {
  const status = await new Setup().call('ServerStatus', {});
  assert.deepEqual(
    [status['id'], status['ready'], status['uptime_seconds'], status['listeners']],
    ['edge', true, 1.5, ['grpc 127.0.0.1:1']],
  );
});

test('the log level changes when it is sent, and only to one that exists', async () => {
  const setup = new Setup();
  assert.deepEqual(await setup.call('UpdateSettings', {}), { log_level: 'info' });
  assert.deepEqual(await setup.call('UpdateSettings', { log_level: 'debug' }), { log_level: 'debug' });
  assert.equal(setup.log.level, 'debug');
  await assert.rejects(setup.call('UpdateSettings', { log_level: 'loud' }), /log_level must be one of/);
  assert.equal(setup.log.level, 'debug');
});

test('draining begins and is answered at once', async () => {
  const setup = new Setup();
  assert.deepEqual(await setup.call('Drain', {}), {});
  assert.deepEqual(setup.done, ['drain']);
});

test('cached answers of a known model, or of all, are purged, and the log says by whom', async () => {
  const setup = new Setup();
  assert.deepEqual(await setup.call('PurgeCache', { name: 'cold' }), { answers: 3 });
  assert.deepEqual(await setup.call('PurgeCache', {}), { answers: 3 });
  assert.deepEqual(setup.done, [
    ['purge', 'cold'],
    ['purge', ''],
  ]);
  assert.deepEqual(setup.lines.at(0), [
    'admin: purge cache',
    { model: 'cold', principal: 'operator', peer: '127.0.0.1:9' },
  ]);
  await assert.rejects(setup.call('PurgeCache', { name: 'colt\n' }), /unknown model.*colt/);
  assert.equal(setup.done.length, 2);
});
