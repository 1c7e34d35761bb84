import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createModelOpener } from '../../../src/execution/model-opener.ts';
import type { ModelOpenerOptions } from '../../../src/execution/model-opener.ts';
import type { StuckRun } from '../../../src/execution/stuck-watch.ts';
import type { Executor } from '../../../src/inference/executor.ts';
import { silentLogger } from '../../../src/inference/logger.ts';
import { systemClock } from '../../../src/util/clock.ts';
import { buildBatch, buildInput, buildPlan, mlpBatch, unaligned } from '../../support/build-batch.ts';
import { heldValues } from '../../support/held-session.ts';
import { TemporaryFolder } from '../../support/temporary-folder.ts';

const open = (options: Partial<ModelOpenerOptions> = {}) =>
  createModelOpener({ clock: systemClock, logger: silentLogger, ...options });
const crashingWorker = new URL('../../support/crashing-worker.ts', import.meta.url);

function becomesIdle(executor: Executor): Promise<void> {
  return new Promise((resolve) => {
    executor.onIdle(resolve);
    if (executor.idle) resolve();
  });
}

/** Some 4 us a round. */
const busyBatch = (rounds: number) =>
  buildBatch([buildInput('rounds', 'INT64', [], [unaligned(BigInt64Array.of(BigInt(rounds)))])], ['sum']);

test('a crashed thread fails its batch as retryable and comes back; the other instance goes on', async () => {
  const cpu = { name: 'cpu', deviceId: 0, options: {} } as const;
  await using model = await open({ workerUrl: crashingWorker })(
    buildPlan('mlp16', { instances: [cpu, cpu] }),
  );
  const [first, second] = model.executors;
  assert(first !== undefined && second !== undefined);
  assert.equal((await first.run(mlpBatch(2))).outputs[0]!.shape[0], 2);
  await assert.rejects(first.run(mlpBatch(10)), { code: 'unavailable', reason: 'EXECUTOR_LOST' });
  assert.equal(first.idle, false);
  assert.equal((await second.run(mlpBatch(3))).outputs[0]!.shape[0], 3);
  await becomesIdle(first);
  assert.equal((await first.run(mlpBatch(4))).outputs[0]!.shape[0], 4);
});

test('a model can be closed while its thread is waiting to be restarted', async () => {
  const model = await open({ workerUrl: crashingWorker })(buildPlan('mlp16'));
  await assert.rejects(model.executors[0]!.run(mlpBatch(10)), { code: 'unavailable' });
  await model[Symbol.asyncDispose]();
  assert.equal(model.executors[0]!.idle, false);
});

test('closing waits for the running batch, which is answered', async () => {
  const model = await open()(buildPlan('busy'));
  let answered = false;
  const running = model.executors[0]!.run(busyBatch(30_000)).then((result) => {
    answered = true;
    return result;
  });
  await model[Symbol.asyncDispose]();
  assert.equal(answered, true);
  assert.equal((await running).outputs[0]!.name, 'sum');
});

test('a thread stuck in a run is reported and left, never ended by force', async () => {
  const reports: StuckRun[] = [];
  using holds = new TemporaryFolder();
  process.env['HOLDS'] = holds.path;
  const model = await open({
    closeLimitMs: 20,
    onStuckRun: (run) => reports.push(run),
    workerUrl: new URL('../../support/held-worker.ts', import.meta.url),
  })(buildPlan('hold'));
  delete process.env['HOLDS'];
  const held = unaligned(BigInt64Array.of(BigInt(heldValues.first)));
  const running = model.executors[0]!.run(buildBatch([buildInput('x', 'INT64', [1, 1], [held])], ['y']));
  await model[Symbol.asyncDispose]();
  assert.deepEqual(
    reports.map(({ abandoned }) => abandoned),
    [true],
  );
  holds.write(String(heldValues.first), '');
  assert.equal((await running).outputs.length, 1);
});

test('a load that is cancelled leaves nothing and says so', async () => {
  const abort = new AbortController();
  const loading = open()(buildPlan('mlp16'), abort.signal);
  abort.abort();
  await assert.rejects(loading, { code: 'cancelled' });
  await assert.rejects(open()(buildPlan('mlp16'), abort.signal), { code: 'cancelled' });
});

test('a model with one instance that cannot open is refused as a whole', async () => {
  const instances = [
    { name: 'cpu', deviceId: 0, options: {} },
    { name: 'cuda', deviceId: 60, options: {} },
  ] as const;
  await assert.rejects(open()(buildPlan('mlp16', { instances })), { code: 'failed_precondition' });
});

for (const [name, message] of [
  ['nothing_there', 'the model file does not exist'],
  ['../make-models.py#', 'the model file does not exist'],
] as const) {
  test(`a load fails without a path in its message: ${name}`, async () => {
    await assert.rejects(open()(buildPlan(name)), { code: 'failed_precondition', message });
  });
}

test('closing twice is closing once', async () => {
  const model = await open()(buildPlan('mlp16', { placement: 'inline' }));
  await model[Symbol.asyncDispose]();
  await model[Symbol.asyncDispose]();
  await assert.rejects(model.executors[0]!.run(mlpBatch(1)), { code: 'unavailable' });
});
