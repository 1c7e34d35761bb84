import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { HeldModels, valuesOf } from '../support/held-model.ts';

const shared = 'rate_limiter { resources { name: "lock" count: 1 } }';
const models: Readonly<Record<string, string>> = {
  one: 'instance_group { count: 1 }',
  two: 'instance_group { count: 2 }',
  ordered: 'instance_group { count: 2 } dynamic_batching { preserve_ordering: true }',
  locked: `instance_group { count: 2 ${shared} }`,
  other: `instance_group { ${shared} }`,
  apart: 'instance_group { rate_limiter { resources { name: "key" count: 1 } } }',
  greedy: 'instance_group { rate_limiter { resources { name: "lock" count: 2 } } }',
};

function start(...args: readonly string[]): Promise<HeldModels> {
  const configs = Object.entries(models).map(([name, config]) => [name, `max_batch_size: 1 ${config}`]);
  const loaded = Object.keys(models).filter((name) => name !== 'greedy');
  return HeldModels.start(Object.fromEntries(configs), [
    '--model-control-mode',
    'explicit',
    ...args,
    ...loaded.flatMap((name) => ['--load-model', name]),
  ]);
}

/** A request is answered while one that came before it still runs. */
async function runBeside(held: HeldModels, first: string, second: string): Promise<void> {
  const running = await held.hold(first);
  assert.deepEqual(valuesOf(await held.infer(second, { values: [1] })), [1]);
  await running.release();
}

/** A request waits until one that came before it has run. */
async function runInTurn(held: HeldModels, first: string, second: string): Promise<void> {
  const running = await held.hold(first);
  const answer = held.infer(second, { values: [1] });
  await held.waiting(second, 1);
  assert.equal(await held.reading(second, 'tensorgate_running_batches'), first === second ? 1 : 0);
  await running.release();
  assert.deepEqual(valuesOf(await answer), [1]);
}

describe('instances of models', { timeout: 240_000 }, () => {
  let free: HeldModels;
  let limited: HeldModels;
  before(async () => {
    free = await start();
    limited = await start(
      '--rate-limit',
      'execution_count',
      '--rate-limit-resource',
      'lock:1',
      '--rate-limit-resource',
      'key:1:0',
    );
  });
  after(async () => {
    await free[Symbol.asyncDispose]();
    await limited[Symbol.asyncDispose]();
  });

  test('one instance runs one request after the other', async () => {
    await runInTurn(free, 'one', 'one');
  });

  test('two instances run two requests at once', async () => {
    await runBeside(free, 'two', 'two');
  });

  test('two instances that preserve order answer in order', async () => {
    const answered: string[] = [];
    const running = await free.hold('ordered');
    const second = free.infer('ordered', { values: [1] }).then(() => answered.push('second'));
    while ((await free.executedRows('ordered')) === 0);
    await Promise.all([running.release().then(() => answered.push('first')), second]);
    assert.deepEqual(answered, ['first', 'second']);
  });

  test('resources mean nothing while the rate limiter is off', async () => {
    await runBeside(free, 'locked', 'locked');
    await runBeside(free, 'locked', 'other');
  });

  test('two instances that need the same resource run one after the other', async () => {
    await runInTurn(limited, 'locked', 'locked');
  });

  test('two models that need the same resource run one after the other', async () => {
    await runInTurn(limited, 'locked', 'other');
  });

  test('models that need different resources, or none, run at once', async () => {
    await runBeside(limited, 'locked', 'apart');
    await runBeside(limited, 'locked', 'one');
  });

  test('a model that needs more than there is does not load', async () => {
    await assert.rejects(limited.client.load('greedy'), {
      code: 'invalid_argument',
      message:
        /Resource count for "lock" is limited to 1 which will prevent scheduling of one or more model instances, the minimum required count is 2/,
    });
    await free.client.load('greedy');
  });

  test('the configuration of a limited model reaches clients', async () => {
    const config = await limited.client.config('other');
    const [group] = Array.isArray(config['instance_group']) ? config['instance_group'] : [];
    assert.deepEqual(group.rate_limiter, {
      resources: [{ name: 'lock', global: false, count: 1 }],
      priority: 0,
    });
  });
});
