import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeProviders } from '../../../src/execution/describe-providers.ts';
import { createModelOpener } from '../../../src/execution/model-opener.ts';
import { inspectProvider } from '../../../src/execution/provider-libraries.ts';
import { silentLogger } from '../../../src/inference/logger.ts';
import { systemClock } from '../../../src/util/clock.ts';
import { buildPlan, mlpBatch } from '../../support/build-batch.ts';

const cuda = { name: 'cuda', deviceId: 0, options: {} } as const;

function openerWithWarnings() {
  const warnings: string[] = [];
  const logger = { ...silentLogger, warn: (_fields: object, message: string) => warnings.push(message) };
  return { warnings, openModel: createModelOpener({ clock: systemClock, logger }) };
}

test('a model that asks for cuda runs there, or does not load and names what is missing', async () => {
  const { openModel } = openerWithWarnings();
  const { ready, absent, missing } = inspectProvider('cuda');
  const loading = openModel(buildPlan('mlp16', { instances: [cuda] }));
  if (ready) {
    await using model = await loading;
    assert.equal((await model.executors[0]!.run(mlpBatch(2))).outputs[0]!.shape[0], 2);
    return;
  }
  await assert.rejects(loading, (error: Error & { code?: string; reason?: string }) => {
    assert.deepEqual([error.code, error.reason], ['failed_precondition', 'PROVIDER_UNAVAILABLE']);
    for (const name of [...absent, ...missing]) assert.ok(error.message.includes(name), error.message);
    assert.ok(!error.message.includes('/'), error.message);
    return true;
  });
});

test('with leave to fall back, a model whose provider is not to be had runs on cpu and a warning says so', async () => {
  const { openModel, warnings } = openerWithWarnings();
  const plan = buildPlan('mlp16', { instances: [cuda], allowProviderFallback: true });
  await using model = await openModel(plan);
  assert.equal((await model.executors[0]!.run(mlpBatch(2))).outputs[0]!.shape[0], 2);
  assert.deepEqual(warnings, inspectProvider('cuda').ready ? [] : ['falling back to provider cpu']);
});

test('leave to fall back does not hide what is wrong with the model', async () => {
  const { openModel } = openerWithWarnings();
  const plan = buildPlan('nothing_there', { allowProviderFallback: true });
  await assert.rejects(openModel(plan), { message: 'the model file does not exist' });
});

test('placement inline is refused for a GPU, and a GPU option that cannot be passed on for any placement', async () => {
  const { openModel } = openerWithWarnings();
  await assert.rejects(openModel(buildPlan('mlp16', { instances: [cuda], placement: 'inline' })), {
    code: 'invalid_argument',
  });
  const limited = { ...cuda, options: { gpu_mem_limit: '1000' } };
  await assert.rejects(openModel(buildPlan('mlp16', { instances: [limited], allowProviderFallback: true })), {
    reason: 'PROVIDER_OPTION_UNSUPPORTED',
  });
});

test('the report for doctor names the version, the backends and each GPU provider', async () => {
  const report = await describeProviders();
  assert.equal(report.onnxruntimeVersion, '1.30.0');
  assert.deepEqual(
    report.backends.find(({ name }) => name === 'cpu'),
    { name: 'cpu', bundled: true },
  );
  assert.deepEqual(
    report.gpuProviders.map(({ provider }) => provider),
    ['cuda', 'tensorrt'],
  );
  for (const { ready, remedy } of report.gpuProviders) assert.equal(remedy === '', ready);
});
