import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FailureLog } from '../../../src/execution/failure-log.ts';
import { InlineExecutor } from '../../../src/execution/inline-executor.ts';
import { silentLogger } from '../../../src/inference/logger.ts';
import { buildBatch, buildInput, mlpBatch } from '../../support/build-batch.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeSession } from '../../support/fake-session.ts';

function setUp() {
  const clock = new FakeClock();
  const session = new FakeSession();
  return {
    clock,
    session,
    executor: new InlineExecutor(session, clock, new FailureLog(silentLogger, clock, 'm')),
  };
}

test('the parts of an input are joined in order', async () => {
  const { executor } = setUp();
  const parts = [Uint8Array.of(1, 2, 3, 4), Uint8Array.of(5, 6, 7, 8)];
  const { outputs } = await executor.run(buildBatch([buildInput('x', 'FP32', [2], parts)]));
  assert.deepEqual([...outputs[0]!.data], [1, 2, 3, 4, 5, 6, 7, 8]);
});

test('a shape seen before makes no new tensor', async () => {
  const { executor, session } = setUp();
  for (const rows of [1, 2, 1, 2, 2, 1]) await executor.run(mlpBatch(rows));
  assert.equal(session.made.length, 2);
});

test('shapes of the same size are told apart', async () => {
  const { executor } = setUp();
  const shapes: number[][] = [
    [2, 2],
    [4, 1],
    [2, 2],
  ];
  for (const shape of shapes) {
    const batch = buildBatch([buildInput('x', 'FP32', shape, [new Uint8Array(16)])]);
    assert.deepEqual((await executor.run(batch)).outputs[0]!.shape, shape);
  }
});

test('a large aligned input in one part is used where it is, an unaligned one is copied', async () => {
  const { executor, session } = setUp();
  const received = new Uint8Array(100_004);
  for (const [offset, copied] of [
    [4, false],
    [3, true],
  ] as const) {
    const part = received.subarray(offset, offset + 100_000);
    await executor.run(buildBatch([buildInput('x', 'FP32', [25_000], [part])]));
    assert.equal(session.made.at(-1)?.buffer !== received.buffer, copied);
  }
});

test('the times of the three steps are told apart', async () => {
  const { executor, session, clock } = setUp();
  session.onCompute = () => clock.advance(5);
  const { inputMs, inferMs, outputMs } = await executor.run(mlpBatch(1));
  assert.deepEqual([inputMs, inferMs, outputMs], [0, 5, 0]);
});

test('whatever a run throws is told in our words, and the next run works', async () => {
  const { executor, session } = setUp();
  session.onCompute = () => {
    throw new Error('at /srv/secret: kernel exploded');
  };
  await assert.rejects(executor.run(mlpBatch(1)), { code: 'internal', message: 'inference failed' });
  session.onCompute = () => undefined;
  assert.equal(executor.idle, true);
  await executor.run(mlpBatch(1));
});

test('an input that the model lacks is refused', async () => {
  const { executor } = setUp();
  const batch = buildBatch([buildInput('nobody', 'FP32', [1], [new Uint8Array(4)])]);
  await assert.rejects(executor.run(batch), { code: 'invalid_argument' });
});

test('closed once, it takes nothing more', async () => {
  const { executor, session } = setUp();
  await executor[Symbol.asyncDispose]();
  await executor[Symbol.asyncDispose]();
  assert.deepEqual([session.closed, executor.idle], [1, false]);
  await assert.rejects(executor.run(mlpBatch(1)), { code: 'unavailable' });
});
