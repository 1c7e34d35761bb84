import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServingError } from '../../../../src/errors.ts';
import type { LoadOverrides, ModelCatalog, ModelControl } from '../../../../src/inference/catalog.ts';
import type { Principal } from '../../../../src/inference/principal.ts';
import { noParameters } from '../../../../src/inference/request.ts';
import type { LogSettings, ServerSettings } from '../../../../src/inference/server-settings.ts';
import { createInferenceService } from '../../../../src/transport/grpc/inference-service.ts';
import type { GrpcMethod } from '../../../../src/transport/grpc/method.ts';
import { inferenceService } from '../../../../src/transport/grpc/protocol-method.ts';
import { fakeCatalog } from '../../../support/fake-catalog.ts';
import { FakeCall, toBuffer } from '../../../support/fake-call.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { decodeMessage, encodeMessage, type Plain } from '../../../support/protobuf-reference.ts';

const iris = {
  name: 'iris',
  versions: ['1', '2'],
  platform: 'onnxruntime_onnx',
  inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 4] }],
  outputs: [{ name: 'y', datatype: 'INT64', shape: [-1] }],
};
const unloaded = { name: 'gone', version: '', state: '', reason: '' } as const;

/** Settings that remember what was changed. */
class FakeSettings implements ServerSettings {
  readonly mayChange: boolean;
  readonly changes: unknown[] = [];

  constructor(mayChange: boolean) {
    this.mayChange = mayChange;
  }

  log(): LogSettings {
    return {
      log_file: '',
      log_info: true,
      log_warning: true,
      log_error: true,
      log_verbose_level: 2,
      log_format: 'default',
    };
  }

  changeLog(change: Partial<LogSettings>): void {
    this.changes.push(change);
  }

  trace(): ReadonlyMap<string, readonly string[]> {
    return new Map([['trace_level', ['OFF']]]);
  }

  changeTrace(model: string, change: ReadonlyMap<string, readonly string[] | undefined>): void {
    this.changes.push([model, Object.fromEntries(change)]);
  }
}

class FakeControl implements ModelControl {
  readonly calls: unknown[] = [];

  load(model: string, { config, files }: LoadOverrides): Promise<void> {
    this.calls.push([
      'load',
      model,
      config,
      [...files].map(([path, bytes]) => [path, Buffer.from(bytes).toString()]),
    ]);
    return Promise.resolve();
  }

  unload(model: string, unloadDependents: boolean): Promise<void> {
    this.calls.push(['unload', model, unloadDependents]);
    return Promise.resolve();
  }
}

interface Parts {
  readonly catalog?: ModelCatalog;
  readonly control?: ModelControl;
  readonly settings?: ServerSettings;
}

function service({
  catalog = fakeCatalog([iris], [unloaded]),
  control,
  settings,
}: Parts = {}): readonly GrpcMethod[] {
  return createInferenceService({
    infer: ({ model, id, inputs }) =>
      Promise.resolve({ model, version: '1', id, outputs: inputs, parameters: noParameters }),
    catalog,
    control,
    settings: settings ?? new FakeSettings(false),
    sharedMemory: undefined,
    serverName: 'triton',
    serverVersion: '1.2.3',
    extensions: ['statistics'],
    maxMessageBytes: 1 << 20,
    clock: new FakeClock(),
  });
}

const admin: Principal = { name: 'root', scopes: new Set(['infer', 'admin']), weight: 1 };

/** Calls a unary rpc with plain messages. */
async function call(
  methods: readonly GrpcMethod[],
  rpc: string,
  request: Plain = {},
  principal?: Principal,
): Promise<Plain> {
  const method = methods.find(({ path }) => path.endsWith(`/${rpc}`));
  assert.ok(method?.kind === 'unary');
  const message = encodeMessage(`inference.${rpc}Request`, request);
  const reply = await method.handle(message, new FakeCall({}, principal));
  return decodeMessage(`inference.${rpc}Response`, toBuffer(reply));
}

const failsWith =
  (code: string, text: RegExp) =>
  (error: unknown): boolean =>
    error instanceof ServingError && error.code === code && text.test(error.message);

describe('the inference service', () => {
  it('serves every rpc of the proto, each once, and those of MLServer’s repository', () => {
    const served = service().map(({ path }) => path);
    const own = [...inferenceService().methods.values()].map(({ path }) => path);
    const others = ['RepositoryIndex', 'RepositoryModelLoad', 'RepositoryModelUnload'].map(
      (rpc) => `/inference.model_repository.ModelRepositoryService/${rpc}`,
    );
    assert.deepEqual(served.toSorted(), [...own, ...others].toSorted());
    assert.equal(own.length, 20);
  });

  it('asks nobody who he is for health, and for admin only where models change', () => {
    const scopes = Object.fromEntries(service().map(({ path, scope }) => [path.split('/').at(-1), scope]));
    for (const { path, scope } of service()) assert.equal(scope, scopes[path.split('/').at(-1) ?? '']);
    for (const rpc of ['ServerLive', 'ServerReady', 'ModelReady']) assert.equal(scopes[rpc], 'none');
    for (const rpc of ['RepositoryModelLoad', 'RepositoryModelUnload']) assert.equal(scopes[rpc], 'admin');
    assert.equal(Object.values(scopes).filter((scope) => scope === 'infer').length, 15);
  });

  it('infers', async () => {
    const reply = await call(service(), 'ModelInfer', {
      model_name: 'iris',
      id: '7',
      inputs: [{ name: 'x', datatype: 'UINT8', shape: [1], contents: { uint_contents: [9] } }],
    });
    assert.equal(reply['id'], '7');
    assert.deepEqual(reply['raw_output_contents'], [Buffer.from([9])]);
  });

  it('is live, and ready when its models are; an unknown model is not ready, not an error', async () => {
    assert.deepEqual(await call(service(), 'ServerLive'), { live: true });
    assert.deepEqual(await call(service(), 'ServerReady'), { ready: true });
    assert.deepEqual(await call(service(), 'ModelReady', { name: 'iris' }), { ready: true });
    assert.deepEqual(await call(service(), 'ModelReady', { name: 'nobody' }), { ready: false });
  });

  it('tells who it is and what its models are', async () => {
    assert.deepEqual(await call(service(), 'ServerMetadata'), {
      name: 'triton',
      version: '1.2.3',
      extensions: ['statistics'],
    });
    const metadata = await call(service(), 'ModelMetadata', { name: 'iris' });
    assert.deepEqual(metadata['inputs'], [{ name: 'x', datatype: 'FP32', shape: ['-1', '4'] }]);
    assert.deepEqual(metadata['versions'], ['1', '2']);
  });

  it('tells the configuration of a model in the proto’s own words', async () => {
    const config = {
      name: 'iris',
      max_batch_size: 32,
      input: [{ name: 'x', data_type: 'TYPE_FP32', dims: [4] }],
      instance_group: [{ kind: 'KIND_CPU', count: 1 }],
      version_policy: { latest: { num_versions: 1 } },
    };
    const catalog = { ...fakeCatalog([iris]), config: () => config };
    const { config: read } = (await call(service({ catalog }), 'ModelConfig', { name: 'iris' })) as {
      config: Plain;
    };
    assert.equal(read['max_batch_size'], 32);
    assert.equal((read['input'] as Plain[])[0]?.['data_type'], 'TYPE_FP32');
    assert.deepEqual((read['input'] as Plain[])[0]?.['dims'], ['4']);
    assert.equal((read['instance_group'] as Plain[])[0]?.['kind'], 'KIND_CPU');
  });

  it('tells statistics, and calls an unknown model an invalid argument', async () => {
    const time = { count: 3, ns: 1234.6 };
    const snapshot = {
      name: 'iris',
      version: '1',
      lastInference: 1_700_000_000_123.4,
      inferenceCount: 5,
      executionCount: 3,
      success: time,
      fail: time,
      failReasons: { REJECTED: 0, CANCELED: 0, BACKEND: 0, OTHER: 0 },
      queue: time,
      computeInput: time,
      computeInfer: time,
      computeOutput: time,
      cacheHit: time,
      cacheMiss: time,
      pending: 0,
      batches: [{ batchSize: 2, computeInput: time, computeInfer: time, computeOutput: time }],
      responses: [
        {
          index: 0,
          computeInfer: time,
          computeOutput: time,
          success: time,
          fail: time,
          emptyResponse: time,
          cancel: time,
        },
      ],
    };
    const catalog: ModelCatalog = {
      ...fakeCatalog([iris]),
      statistics: (model) => {
        if (model === 'nobody') throw new ServingError('not_found', 'unknown');
        return [snapshot];
      },
    };
    const { model_stats } = (await call(service({ catalog }), 'ModelStatistics')) as { model_stats: Plain[] };
    const stats = model_stats[0] ?? {};
    assert.equal(stats['last_inference'], '1700000000123');
    assert.equal(stats['inference_count'], '5');
    assert.deepEqual((stats['inference_stats'] as Plain)['queue'], { count: '3', ns: '1235' });
    assert.equal((stats['batch_stats'] as Plain[])[0]?.['batch_size'], '2');
    const responses = stats['response_stats'] as Record<string, Plain>;
    assert.deepEqual(responses['0']?.['empty_response'], { count: '3', ns: '1235' });
    await assert.rejects(
      call(service({ catalog }), 'ModelStatistics', { name: 'nobody' }),
      failsWith('invalid_argument', /^requested model 'nobody' is not available/),
    );
  });

  it('lists the repository', async () => {
    const all = await call(service(), 'RepositoryIndex');
    assert.deepEqual(
      (all['models'] as Plain[]).map(({ name, state }) => [name, state]),
      [
        ['iris', 'READY'],
        ['gone', ''],
      ],
    );
    const ready = await call(service(), 'RepositoryIndex', { ready: true });
    assert.equal((ready['models'] as Plain[]).length, 1);
    await assert.rejects(
      call(service(), 'RepositoryIndex', { repository_name: 'r' }),
      failsWith('unimplemented', /^'repository_name' specification is not supported/),
    );
  });

  it('loads and unloads with their parameters, also as KServe names the model', async () => {
    const control = new FakeControl();
    const methods = service({ control });
    const loaded = await call(methods, 'RepositoryModelLoad', {
      model_name: 'm',
      parameters: {
        config: { string_param: '{}' },
        'file:1/model.onnx': { bytes_param: Buffer.from('onnx') },
      },
    });
    assert.deepEqual(loaded, { model_name: 'm', isLoaded: true });
    await call(methods, 'RepositoryModelLoad', { repository_name: 'k' });
    const unloaded = await call(methods, 'RepositoryModelUnload', {
      model_name: 'm',
      parameters: { unload_dependents: { bool_param: true } },
    });
    assert.deepEqual(unloaded, { model_name: 'm', isUnloaded: true });
    assert.deepEqual(control.calls, [
      ['load', 'm', '{}', [['1/model.onnx', 'onnx']]],
      ['load', 'k', undefined, []],
      ['unload', 'm', true],
    ]);
  });

  it('refuses to load and unload when control is off, without a name, in a named repository, or with odd parameters', async () => {
    await assert.rejects(
      call(service(), 'RepositoryModelLoad', { model_name: 'm' }),
      failsWith('unavailable', /^explicit model load \/ unload is not allowed if polling is enabled/),
    );
    const methods = service({ control: new FakeControl() });
    await assert.rejects(call(methods, 'RepositoryModelLoad'), failsWith('invalid_argument', /model_name/));
    await assert.rejects(
      call(methods, 'RepositoryModelUnload', { repository_name: 'r', model_name: 'm' }),
      failsWith('unimplemented', /'repository_name' specification is not supported/),
    );
    for (const parameters of [{ what: { bool_param: true } }, { config: { int64_param: 1 } }]) {
      await assert.rejects(
        call(methods, 'RepositoryModelLoad', { model_name: 'm', parameters }),
        failsWith('invalid_argument', /unexpected load parameter/),
      );
    }
  });

  it('answers the shared-memory rpcs as a server without shared memory', async () => {
    for (const kind of ['System', 'Cuda']) {
      for (const operation of ['Status', 'Register', 'Unregister']) {
        await assert.rejects(
          async () => call(service(), `${kind}SharedMemory${operation}`),
          failsWith('unimplemented', /^Client shared memory is disabled/),
        );
      }
    }
  });

  it('lets everybody read settings, and nobody change them without leave', async () => {
    const methods = service();
    const { settings } = (await call(methods, 'LogSettings')) as { settings: Record<string, Plain> };
    assert.equal(settings['log_info']?.['bool_param'], true);
    assert.equal(settings['log_verbose_level']?.['uint32_param'], 2);
    const trace = (await call(methods, 'TraceSetting')) as { settings: Record<string, Plain> };
    assert.deepEqual(trace.settings['trace_level']?.['value'], ['OFF']);
    const change = { settings: { log_info: { bool_param: false } } };
    await assert.rejects(
      async () => call(methods, 'LogSettings', change, admin),
      failsWith('permission_denied', /--allow-settings/),
    );
    const open = new FakeSettings(true);
    await assert.rejects(
      async () => call(service({ settings: open }), 'LogSettings', change),
      failsWith('permission_denied', /admin/),
    );
    assert.deepEqual(open.changes, []);
  });

  it('changes settings for those who may, and checks every value', async () => {
    const settings = new FakeSettings(true);
    const methods = service({ settings });
    await call(
      methods,
      'LogSettings',
      {
        settings: { log_info: { bool_param: false }, log_verbose_level: { uint32_param: 1 }, log_error: {} },
      },
      admin,
    );
    await call(
      methods,
      'TraceSetting',
      {
        model_name: 'iris',
        settings: { trace_level: { value: ['TIMESTAMPS', 'TENSORS'] }, trace_rate: { value: [] } },
      },
      admin,
    );
    assert.deepEqual(settings.changes, [
      { log_info: false, log_verbose_level: 1 },
      ['iris', { trace_level: ['TIMESTAMPS', 'TENSORS'], trace_rate: undefined }],
    ]);
    for (const wrong of [
      { log_info: { string_param: 'yes' } },
      { log_verbose_level: { uint32_param: 10 } },
      { log_format: { string_param: 'xml' } },
      { log_colour: { bool_param: true } },
    ]) {
      await assert.rejects(
        async () => call(methods, 'LogSettings', { settings: wrong }, admin),
        failsWith('invalid_argument', /log/),
      );
    }
    for (const [name, value] of [
      ['trace_level', ['LOUD']],
      ['trace_rate', ['0']],
      ['trace_rate', ['1', '2']],
      ['trace_count', ['-2']],
      ['trace_mode', ['x']],
      ['trace_colour', ['x']],
    ] as const) {
      await assert.rejects(
        async () => call(methods, 'TraceSetting', { settings: { [name]: { value } } }, admin),
        failsWith('invalid_argument', /trace/),
      );
    }
    for (const [rpc, change] of [
      ['LogSettings', { log_file: { string_param: '/etc/passwd' } }],
      ['TraceSetting', { trace_file: { value: ['/etc/passwd'] } }],
    ] as const) {
      await assert.rejects(
        async () => call(methods, rpc, { settings: change }, admin),
        failsWith('unimplemented', /cannot be changed/),
      );
    }
    await assert.rejects(
      async () => call(methods, 'TraceSetting', { model_name: 'nobody' }, admin),
      failsWith('not_found', /^Request for unknown model : nobody/),
    );
    assert.equal(settings.changes.length, 2);
  });
});
