import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createModelOpener } from '../../../src/execution/model-opener.ts';
import type { Batch, Executor, OpenedModel, SessionPlan } from '../../../src/inference/executor.ts';
import type { Logger } from '../../../src/inference/logger.ts';
import { silentLogger } from '../../../src/inference/logger.ts';
import { systemClock } from '../../../src/util/clock.ts';
import { buildBatch, buildInput, buildPlan, mlpBatch, unaligned } from '../../support/build-batch.ts';

const processUrl = new URL('../../support/faulty-process.ts', import.meta.url);

/** Notes the ids of the processes that are started. */
class ProcessLog implements Logger {
  readonly pids: number[] = [];
  debug(): void {}
  info(fields: object): void {
    if ('pid' in fields) this.pids.push(Number(fields.pid));
  }
  warn(): void {}
  error(): void {}
}

function open(model: string, overrides: Partial<SessionPlan> = {}, log?: Logger): Promise<OpenedModel> {
  const opener = createModelOpener({ clock: systemClock, logger: log ?? silentLogger, processUrl });
  return opener(buildPlan(model, { isolation: 'process', ...overrides }));
}

function becomesIdle(executor: Executor): Promise<void> {
  return new Promise((resolve) => {
    executor.onIdle(resolve);
    if (executor.idle) resolve();
  });
}

async function resultsOf(model: OpenedModel, batches: readonly Batch[]) {
  const results = [];
  for (const batch of batches) {
    const result = await model.executors[0]!.run(batch);
    results.push(
      result.outputs.map((output) => ({ ...output, data: Buffer.from(output.data).toString('hex') })),
    );
    assert.ok(result.inferMs >= 0 && result.inputMs >= 0 && result.outputMs >= 0);
  }
  return results;
}

test('a model answers from a process as from a thread, whatever the size, and reads inputs of any alignment', async () => {
  const elements = new Float32Array(200_000).fill(1.5);
  const large = buildBatch([buildInput('x', 'FP32', [12_500, 16], [unaligned(elements)])], ['y'], 12_500);
  const batches = [mlpBatch(1), mlpBatch(3), large, mlpBatch(2, -7), mlpBatch(9)];
  await using isolated = await open('mlp16');
  await using threaded = await open('mlp16', { isolation: 'thread' });
  assert.deepEqual(isolated.metadata, threaded.metadata);
  assert.deepEqual(await resultsOf(isolated, batches), await resultsOf(threaded, batches));
});

test('an answer is not overwritten by the next', async () => {
  await using model = await open('mlp16');
  const [executor] = model.executors;
  const first = await executor!.run(mlpBatch(4, 0.25));
  const kept = Buffer.from(first.outputs[0]!.data).toString('hex');
  await executor!.run(mlpBatch(4, -3));
  assert.equal(Buffer.from(first.outputs[0]!.data).toString('hex'), kept);
});

for (const [name, rows] of [
  ['aborts in native code', 10],
  ['is killed', 11],
  ['writes what is no answer', 13],
] as const) {
  test(`a process that ${name} fails its batch as retryable, and another takes its place`, async () => {
    const log = new ProcessLog();
    await using model = await open('mlp16', {}, log);
    const [executor] = model.executors;
    assert.ok(executor);
    await assert.rejects(executor.run(mlpBatch(rows)), { code: 'unavailable', reason: 'EXECUTOR_LOST' });
    await becomesIdle(executor);
    assert.equal((await executor.run(mlpBatch(2))).outputs[0]!.shape[0], 2);
    assert.equal(executor.restarts, 1);
    assert.equal(new Set(log.pids).size, 2);
  });
}

test('a run that is given up is ended with its process, and nothing stays behind', async () => {
  const log = new ProcessLog();
  await using model = await open('mlp16', {}, log);
  const [executor] = model.executors;
  assert.ok(executor?.abandon !== undefined);
  for (let round = 0; round < 4; round += 1) {
    const running = executor.run(mlpBatch(12));
    executor.abandon();
    await assert.rejects(running, { code: 'unavailable', reason: 'EXECUTOR_HUNG' });
    await becomesIdle(executor);
  }
  for (const pid of log.pids.slice(0, -1)) assert.equal(existsSync(`/proc/${pid}/fd/3`), false);
  assert.equal((await executor.run(mlpBatch(2))).outputs[0]!.shape[0], 2);
});

test('what the model or a client does wrong is told as from a thread', async () => {
  await assert.rejects(open('nothing_there'), {
    code: 'failed_precondition',
    message: 'the model file does not exist',
  });
  await using model = await open('mlp16');
  const wrong = buildBatch([buildInput('x', 'FP32', [1, 3], [unaligned(new Float32Array(3))])]);
  await assert.rejects(model.executors[0]!.run(wrong), { code: 'invalid_argument' });
  const strange = buildBatch([buildInput('z', 'FP32', [1, 3], [unaligned(new Float32Array(3))])]);
  await assert.rejects(model.executors[0]!.run(strange), { code: 'invalid_argument' });
  assert.equal((await model.executors[0]!.run(mlpBatch(1))).outputs[0]!.shape[0], 1);
});

test('a model that aborts the process while it is opened is a failed load, and no more', async () => {
  const aborting = new URL('../../support/aborting-process.ts', import.meta.url);
  const opener = createModelOpener({ clock: systemClock, logger: silentLogger, processUrl: aborting });
  await assert.rejects(opener(buildPlan('mlp16', { isolation: 'process' })), {
    code: 'unavailable',
    reason: 'EXECUTOR_LOST',
  });
});

test('a load that is cancelled leaves no process', async () => {
  const abort = new AbortController();
  const opener = createModelOpener({ clock: systemClock, logger: silentLogger });
  const loading = opener(buildPlan('mlp16', { isolation: 'process' }), abort.signal);
  abort.abort();
  await assert.rejects(loading, { code: 'cancelled' });
});

test('closing ends the process; it is the first to go when the machine runs out of memory', async () => {
  const log = new ProcessLog();
  const opener = createModelOpener({ clock: systemClock, logger: log });
  const model = await opener(buildPlan('mlp16', { isolation: 'process' }));
  const [pid] = log.pids;
  if (existsSync('/proc/self/oom_score_adj')) {
    assert.equal(readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8').trim(), '500');
  }
  await model[Symbol.asyncDispose]();
  assert.throws(() => process.kill(pid ?? 0, 0), { code: 'ESRCH' });
});
