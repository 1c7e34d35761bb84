import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createBatcher } from '../../../src/batching/create-batcher.ts';
import type { Batch } from '../../../src/inference/executor.ts';
import { buildTarget, callAt, rowsRequest, type NotedTarget } from '../../support/build-target.ts';
import { FakeClock, settled } from '../../support/fake-clock.ts';
import { PuppetExecutor } from '../../support/puppet-executor.ts';

/** Two models that run inline and so share one thread; `order` notes whose batches ran. */
function twoInlineModels(costMs: { readonly hot: number; readonly light: number }) {
  const clock = new FakeClock();
  const order: string[] = [];
  const model = (name: 'hot' | 'light'): NotedTarget => {
    const compute = (batch: Batch) => {
      clock.advance(costMs[name]);
      order.push(name);
      const [input] = batch.inputs;
      return [
        { name: 'y', datatype: 'FP32' as const, shape: input!.shape, data: Buffer.concat(input!.parts) },
      ];
    };
    return buildTarget([new PuppetExecutor({ inline: true, compute })], { spec: { name, digest: name } });
  };
  const batcher = createBatcher({ clock, nextTurn: queueMicrotask });
  const send = async (target: NotedTarget, count: number): Promise<void> => {
    const call = callAt(clock.now());
    await Promise.all(Array.from({ length: count }, () => batcher.submit(target, rowsRequest(8), call)));
  };
  return { order, hot: model('hot'), light: model('light'), send };
}

test('a light model waits for at most one batch of a hot one', async () => {
  const { order, hot, light, send } = twoInlineModels({ hot: 2, light: 2 });
  await Promise.all([send(hot, 1), send(light, 1)]);
  order.length = 0;
  const all = [send(hot, 20), send(light, 3)];
  await settled();
  await Promise.all(all);
  assert.equal(order.length, 23);
  assert.ok(order.lastIndexOf('light') <= 6, order.join(' '));
});

test('models share device time, not batches', async () => {
  const { order, hot, light, send } = twoInlineModels({ hot: 6, light: 1 });
  await Promise.all([send(hot, 1), send(light, 1)]);
  order.length = 0;
  await Promise.all([send(hot, 12), send(light, 40)]);
  const untilLightIsDone = order.slice(0, order.lastIndexOf('light') + 1);
  const hotRuns = untilLightIsDone.filter((name) => name === 'hot').length;
  assert.ok(hotRuns >= 5 && hotRuns <= 8, `${hotRuns} runs of 6 ms beside 40 of 1 ms`);
});

test('time that a model did not need is not saved up', async () => {
  const { order, hot, light, send } = twoInlineModels({ hot: 1, light: 1 });
  await Promise.all([send(hot, 30), send(light, 1)]);
  await settled();
  order.length = 0;
  await Promise.all([send(hot, 10), send(light, 10)]);
  const firstHalf = order.slice(0, 10).filter((name) => name === 'light').length;
  assert.ok(firstHalf >= 4 && firstHalf <= 6, order.join(' '));
});
