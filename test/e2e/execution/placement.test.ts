import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createModelOpener } from '../../../src/execution/model-opener.ts';
import {
  loadRuntime,
  openPublic,
  pinnedVersion,
  synchronousOpen,
} from '../../../src/execution/native-binding.ts';
import { InlineExecutor } from '../../../src/execution/inline-executor.ts';
import { FailureLog } from '../../../src/execution/failure-log.ts';
import { openSession, sessionOf } from '../../../src/execution/session.ts';
import { threadCpuMs } from '../../../src/execution/thread-cpu.ts';
import { silentLogger } from '../../../src/inference/logger.ts';
import { systemClock } from '../../../src/util/clock.ts';
import {
  buildBatch,
  buildInput,
  buildPlan,
  fixtureModel,
  mlpBatch,
  unaligned,
} from '../../support/build-batch.ts';

/** A threshold that no run of these models exceeds on the slowest machine, or that none stays below. */
const open = (inlineBelowMs: number) =>
  createModelOpener({ clock: systemClock, logger: silentLogger, inlineBelowMs });

test('a cheap model starts on a thread and is inline after three runs, with the same answers', async () => {
  await using model = await open(1_000)(buildPlan('mlp16', { placement: 'auto' }));
  const executor = model.executors[0]!;
  assert.equal(executor.inline, false);
  const first = await executor.run(mlpBatch(2));
  await executor.run(mlpBatch(2));
  await executor.run(mlpBatch(2));
  assert.deepEqual([executor.inline, executor.idle], [true, true]);
  const inline = await executor.run(mlpBatch(2));
  assert.deepEqual([...inline.outputs[0]!.data], [...first.outputs[0]!.data]);
});

test('a dear model stays on its thread', async () => {
  await using model = await open(0)(buildPlan('mlp16', { placement: 'auto' }));
  const executor = model.executors[0]!;
  for (let run = 0; run < 5; run += 1) await executor.run(mlpBatch(1));
  assert.equal(executor.inline, false);
});

test('a model that becomes dear moves back to a thread while it keeps answering', async () => {
  await using model = await open(20)(buildPlan('busy', { placement: 'auto' }));
  const executor = model.executors[0]!;
  const rounds = async (count: number) => {
    const input = buildInput('rounds', 'INT64', [], [unaligned(BigInt64Array.of(BigInt(count)))]);
    return executor.run(buildBatch([input], ['sum']));
  };
  for (let run = 0; run < 3; run += 1) await rounds(1);
  assert.equal(executor.inline, true);
  const idle = Promise.withResolvers<void>();
  executor.onIdle(idle.resolve);
  for (let run = 0; run < 30 && executor.inline; run += 1) {
    await rounds(40_000);
    // Inline runs answer within a turn, and its new thread needs some.
    await nextTurn();
  }
  await idle.promise;
  assert.equal(executor.inline, false);
  assert.equal((await rounds(1)).outputs.length, 1);
});

test('what opening a session takes of a thread is processor time', async () => {
  await loadRuntime();
  const before = threadCpuMs();
  await using session = await openSession(fixtureModel('mlp16'), {});
  assert.ok(session.openCpuMs > 0);
  assert.ok(session.openCpuMs <= threadCpuMs() - before);
});

test('placement inline computes before run returns', async () => {
  await using model = await open(0)(buildPlan('mlp16', { placement: 'inline' }));
  const executor = model.executors[0]!;
  assert.equal(executor.inline, true);
  const before = executor.run(mlpBatch(1));
  assert.equal(executor.idle, true);
  assert.equal((await before).outputs[0]!.shape[0], 1);
});

test('the pinned synchronous binding is there', async () => {
  assert.notEqual(
    await synchronousOpen(),
    undefined,
    `onnxruntime-node is not ${pinnedVersion}, or has changed`,
  );
});

test('the public API answers the same metadata and values as the binding', async () => {
  const runtime = await loadRuntime();
  const failures = new FailureLog(silentLogger, systemClock, 'm');
  for (const name of ['mlp16', 'identity_fp16', 'sequence_output', 'scalar_scale']) {
    await using direct = sessionOf(runtime, await runtime.open(fixtureModel(name), {}));
    await using slow = sessionOf(runtime, await openPublic(fixtureModel(name), {}));
    assert.deepEqual([direct.synchronous, slow.synchronous], [true, false]);
    assert.deepEqual(slow.metadata, direct.metadata);
  }
  const mlp = async (open: typeof openPublic) =>
    new InlineExecutor(sessionOf(runtime, await open(fixtureModel('mlp16'), {})), systemClock, failures);
  await using direct = await mlp(async (path, options) => runtime.open(path, options));
  await using slow = await mlp(openPublic);
  const idle = Promise.withResolvers<void>();
  slow.onIdle(idle.resolve);
  const running = slow.run(mlpBatch(5));
  assert.deepEqual([slow.inline, slow.idle], [false, false]);
  assert.deepEqual((await running).outputs, (await direct.run(mlpBatch(5))).outputs);
  await idle.promise;
  assert.equal(slow.idle, true);
  await assert.rejects(slow.run(buildBatch([buildInput('x', 'FP32', [1, 2], [new Uint8Array(8)])])), {
    code: 'invalid_argument',
  });
});
