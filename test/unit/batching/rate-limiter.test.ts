import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createBatcher } from '../../../src/batching/create-batcher.ts';
import { RateLimiter, type ResourceGrant } from '../../../src/batching/rate-limiter.ts';
import type { InstanceLimits } from '../../../src/inference/target.ts';
import { buildTarget, callAt, rowsRequest, type NotedTarget } from '../../support/build-target.ts';
import { FakeClock, settled } from '../../support/fake-clock.ts';
import { PuppetExecutor } from '../../support/puppet-executor.ts';
import { refusalOf } from '../../support/refusal.ts';

function limits(
  resources: Readonly<Record<string, number>>,
  { priority = 1, deviceId = 0, global = false } = {},
): InstanceLimits {
  const list = Object.entries(resources).map(([name, count]) => ({ name, count, global }));
  return { deviceId, priority, resources: list };
}

interface Model {
  readonly executors: readonly PuppetExecutor[];
  readonly target: NotedTarget;
  readonly open: Disposable;
}

/** Several models in one batcher under one limiter. */
class Bench {
  readonly clock = new FakeClock(1_000);
  readonly limiter: RateLimiter;
  readonly batcher;

  constructor(grants: readonly ResourceGrant[] = []) {
    this.limiter = new RateLimiter(grants);
    this.batcher = createBatcher({ clock: this.clock, nextTurn: queueMicrotask, limiter: this.limiter });
  }

  model(name: string, instanceLimits: readonly InstanceLimits[], count = instanceLimits.length): Model {
    const open = this.limiter.admit(instanceLimits);
    const executors = Array.from({ length: count }, () => new PuppetExecutor());
    const target = buildTarget(executors, { spec: { name, digest: name }, scheduling: { instanceLimits } });
    return { executors, target, open };
  }

  /** Sends requests that fill a batch each. */
  send({ target }: Model, batches: number): void {
    for (let i = 0; i < batches; i++) {
      void this.batcher.submit(target, rowsRequest(8), callAt(this.clock.now())).catch(() => undefined);
    }
  }
}

function running(...models: readonly Model[]): number {
  return models.flatMap(({ executors }) => executors).filter(({ running: batch }) => batch !== undefined)
    .length;
}

function runs({ executors }: Model): number {
  return executors.reduce((sum, { batches }) => sum + batches.length, 0);
}

/** Ends what runs, one batch after the other, until nothing does; at most so many. */
async function finishAll(most: number, ...models: readonly Model[]): Promise<void> {
  for (let i = 0; i < most; i++) {
    const busy = models
      .flatMap(({ executors }) => executors)
      .find(({ running: batch }) => batch !== undefined);
    if (busy === undefined) return;
    busy.finish();
    await settled();
  }
}

test('instances of a model that need all of a resource run one at a time', async () => {
  const bench = new Bench();
  const model = bench.model('a', [limits({ memory: 4 }), limits({ memory: 4 })]);
  bench.send(model, 4);
  await settled();
  for (let run = 1; run <= 4; run++) {
    assert.equal(running(model), 1);
    await finishAll(1, model);
  }
  assert.equal(runs(model), 4);
  assert.deepEqual(
    model.executors.map(({ batches }) => batches.length),
    [2, 2],
    'in turn',
  );
});

test('models share a resource, and one that ends lets another start', async () => {
  const bench = new Bench();
  const a = bench.model('a', [limits({ memory: 1 })]);
  const b = bench.model('b', [limits({ memory: 1 })]);
  const c = bench.model('c', [limits({ other: 1 })]);
  for (const model of [a, b, c]) bench.send(model, 1);
  await settled();
  assert.deepEqual([running(a, b), running(c)], [1, 1]);
  await finishAll(1, a, b);
  assert.equal(running(a, b), 1);
  assert.deepEqual([runs(a), runs(b), runs(c)], [1, 1, 1]);
});

test('a resource is freed by a run that fails, and for a model that waits alone', async () => {
  const bench = new Bench();
  const a = bench.model('a', [limits({ memory: 1 })]);
  const b = bench.model('b', [limits({ memory: 1 })]);
  bench.send(a, 1);
  await settled();
  bench.send(b, 1);
  await settled();
  assert.equal(running(b), 0);
  a.executors[0]!.fail(new Error('lost'), { stayDown: true });
  await settled();
  assert.equal(running(b), 1);
});

test('turns are by runs and priority', async () => {
  const bench = new Bench();
  const often = bench.model('often', [limits({ memory: 1 }, { priority: 1 })]);
  const seldom = bench.model('seldom', [limits({ memory: 1 }, { priority: 3 })]);
  bench.send(often, 40);
  bench.send(seldom, 40);
  await settled();
  await finishAll(40, often, seldom);
  assert.ok(Math.abs(runs(often) / runs(seldom) - 3) < 0.4, `${runs(often)} to ${runs(seldom)}`);
});

test('a large need is met although small ones keep coming', async () => {
  const bench = new Bench();
  const large = bench.model('large', [limits({ memory: 2 })]);
  const small = bench.model('small', [limits({ memory: 1 }), limits({ memory: 1 })]);
  bench.send(small, 20);
  await settled();
  assert.equal(running(small), 2);
  bench.send(large, 1);
  await finishAll(4, small, large);
  assert.equal(runs(large), 1);
});

test('a model that comes later does not catch up with those that ran for long', async () => {
  const bench = new Bench();
  const early = bench.model('early', [limits({ memory: 1 })]);
  bench.send(early, 30);
  await settled();
  await finishAll(20, early);
  const late = bench.model('late', [limits({ memory: 1 })]);
  bench.send(late, 10);
  await settled();
  const before = runs(early);
  await finishAll(8, early, late);
  assert.ok(runs(early) - before >= 3, 'both have their turns');
});

test('resources of a device are apart from those of another, global ones are not', async () => {
  for (const { global, both } of [
    { global: false, both: 2 },
    { global: true, both: 1 },
  ]) {
    const bench = new Bench();
    const model = bench.model('a', [
      limits({ memory: 1 }, { global, deviceId: 0 }),
      limits({ memory: 1 }, { global, deviceId: 1 }),
    ]);
    bench.send(model, 2);
    await settled();
    assert.equal(running(model), both);
    await finishAll(4, model);
  }
});

test('there is as much of a resource as is granted', async () => {
  const bench = new Bench([{ name: 'memory', count: 3, deviceId: undefined }]);
  const model = bench.model(
    'a',
    Array.from({ length: 4 }, () => limits({ memory: 1 })),
  );
  bench.send(model, 4);
  await settled();
  assert.equal(running(model), 3);
  await finishAll(4, model);
});

test('instances without limits run as they are idle', async () => {
  const bench = new Bench();
  const free = bench.model('free', [], 2);
  bench.send(free, 3);
  await settled();
  assert.equal(running(free), 2);
  await finishAll(3, free);
});

test('a model that is unloaded takes its needs along', async () => {
  const bench = new Bench();
  const small = bench.model('small', [limits({ memory: 1 }), limits({ memory: 1 })]);
  const large = bench.model('large', [limits({ memory: 2 })]);
  bench.send(small, 2);
  await settled();
  assert.equal(running(small), 2, 'there is as much as the largest needs');
  await finishAll(2, small);
  large.open[Symbol.dispose]();
  bench.send(small, 2);
  await settled();
  assert.equal(running(small), 1);
  await finishAll(2, small);
});

test('inline instances hold their resources while they compute', async () => {
  const bench = new Bench();
  const model = bench.model('a', [limits({ memory: 1 })]);
  const inline = new PuppetExecutor({ inline: true });
  const other = buildTarget([inline], {
    spec: { name: 'b', digest: 'b' },
    scheduling: { instanceLimits: [limits({ memory: 1 })] },
  });
  bench.send(model, 1);
  await settled();
  const answer = bench.batcher.submit(other, rowsRequest(1), callAt(bench.clock.now()));
  await settled();
  assert.equal(inline.batches.length, 0);
  await finishAll(1, model);
  assert.equal((await answer).outputs.length, 1);
});

for (const { name, grants, wanted, message } of [
  {
    name: 'more than is granted',
    grants: [{ name: 'memory', count: 2, deviceId: undefined }],
    wanted: [limits({ memory: 3 })],
    message:
      /^Resource count for "memory" is limited to 2 which will prevent scheduling of one or more model instances, the minimum required count is 3$/,
  },
  {
    name: 'what is not granted',
    grants: [{ name: 'other', count: 2, deviceId: undefined }],
    wanted: [limits({ memory: 1 })],
    message: /"memory" is limited to 0/,
  },
  {
    name: 'what is granted on another device',
    grants: [{ name: 'memory', count: 2, deviceId: 1 }],
    wanted: [limits({ memory: 1 })],
    message: /"memory" is limited to 0/,
  },
  {
    name: 'a resource that is global and of devices',
    grants: [],
    wanted: [limits({ memory: 1 }), limits({ memory: 1 }, { global: true })],
    message: /^Resource "memory" is present as both global and device-specific resource/,
  },
]) {
  test(`a model that needs ${name} is refused`, () => {
    const limiter = new RateLimiter(grants);
    const refusal = refusalOf(() => limiter.admit(wanted));
    assert.equal(refusal.code, 'invalid_argument');
    assert.match(refusal.message, message);
  });
}

test('a grant on one device serves a global resource as well', () => {
  const limiter = new RateLimiter([{ name: 'memory', count: 2, deviceId: 1 }]);
  limiter.admit([limits({ memory: 2 }, { global: true }), limits({ memory: 2 }, { global: true })]);
  assert.throws(() => limiter.admit([limits({ memory: 3 }, { global: true })]));
});
