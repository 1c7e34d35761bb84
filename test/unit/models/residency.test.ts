import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServingError } from '../../../src/errors.ts';
import { CallContext } from '../../../src/inference/call-context.ts';
import { anonymous, type Principal } from '../../../src/inference/principal.ts';
import type { Target } from '../../../src/inference/target.ts';
import { Residency, type ResidencyLimits } from '../../../src/models/residency.ts';
import { buildTarget } from '../../support/build-target.ts';
import { FakeClock, settled } from '../../support/fake-clock.ts';

const memory = () => new ServingError('resource_exhausted', 'no room', { reason: 'MODEL_MEMORY' });

/** Models a to f, of which so many fit at a time. */
class Bench {
  readonly clock = new FakeClock();
  readonly loaded = new Map<string, Target>();
  readonly events: string[] = [];
  /** What a load waits for. */
  gate: Promise<void> = Promise.resolve();
  readonly residency: Residency;

  constructor(room: number, limits: Partial<ResidencyLimits> = {}) {
    const residents = {
      router: {
        besides: () => [],
        route: (model: string) => {
          const target = this.loaded.get(model);
          if (target === undefined) throw new ServingError('not_found', 'no such model');
          return target;
        },
      },
      serves: (model: string) => this.loaded.has(model),
      exists: (model: string) => /^[a-f]$/.test(model),
      load: async (model: string) => {
        this.events.push(`load ${model}`);
        await this.gate;
        if (model === 'f') throw new ServingError('invalid_argument', 'damaged');
        if (this.loaded.size >= room) throw memory();
        this.loaded.set(model, buildTarget([]));
      },
      unload: (model: string) => {
        this.events.push(`unload ${model}`);
        this.loaded.delete(model);
        return Promise.resolve();
      },
      evictable: () => [...this.loaded.keys()],
    };
    this.residency = new Residency(residents, { maxModels: 0, idleMs: 0, ...limits }, this.clock);
  }

  async ask(model: string, call = new CallContext(0, Infinity)): Promise<Target> {
    this.clock.advance(1);
    return this.residency.route(model, '', call);
  }
}

test('a model is loaded once by the first requests for it, and later ones find it at once', async () => {
  const bench = new Bench(9);
  await Promise.all([bench.ask('a'), bench.ask('a'), bench.ask('a')]);
  assert.deepEqual(bench.events, ['load a']);
  assert.equal(bench.residency.route('a', '', new CallContext(0, Infinity)), bench.loaded.get('a'));
});

test('when there is no room, the model that was asked for longest ago goes', async () => {
  const bench = new Bench(2);
  for (const model of ['a', 'b', 'a', 'c']) await bench.ask(model);
  assert.deepEqual(bench.events, ['load a', 'load b', 'load c', 'unload b', 'load c']);
  assert.deepEqual([...bench.loaded.keys()], ['a', 'c']);
});

test('no more models than allowed serve, also where memory would do', async () => {
  const bench = new Bench(9, { maxModels: 2 });
  for (const model of ['a', 'b', 'c', 'd']) await bench.ask(model);
  assert.deepEqual([...bench.loaded.keys()], ['c', 'd']);
});

test('a model for which there is no room alone is refused as that, and so at once for a while', async () => {
  const bench = new Bench(0);
  await assert.rejects(() => bench.ask('a'), { reason: 'MODEL_MEMORY' });
  await assert.rejects(() => bench.ask('a'), { reason: 'MODEL_MEMORY' });
  assert.deepEqual(bench.events, ['load a']);
  bench.clock.advance(5_000);
  await assert.rejects(() => bench.ask('a'), { reason: 'MODEL_MEMORY' });
  assert.deepEqual(bench.events, ['load a', 'load a']);
});

test('a model that cannot be loaded evicts nothing and is not tried by each request', async () => {
  const bench = new Bench(2);
  await bench.ask('a');
  for (let i = 0; i < 3; i++) await assert.rejects(() => bench.ask('f'), { message: 'damaged' });
  assert.deepEqual(bench.events, ['load a', 'load f']);
});

test('a model that is in no repository is refused without a load', async () => {
  const bench = new Bench(2);
  await assert.rejects(() => bench.ask('z'), { code: 'not_found' });
  assert.deepEqual(bench.events, []);
});

test('a caller who may not infer has nothing loaded', async () => {
  const bench = new Bench(2);
  const reader: Principal = { ...anonymous, scopes: new Set() };
  await assert.rejects(() => bench.ask('a', new CallContext(0, Infinity, reader)), {
    code: 'not_found',
  });
  assert.deepEqual(bench.events, []);
});

for (const [deadline, code] of [
  [Infinity, 'cancelled'],
  [1, 'deadline_exceeded'],
] as const) {
  test(`a caller who leaves does not stop the load, and gets ${code}`, async () => {
    const bench = new Bench(2);
    const opening = Promise.withResolvers<void>();
    bench.gate = opening.promise;
    const call = new CallContext(0, deadline);
    const asked = bench.ask('a', call);
    await settled();
    call.cancel();
    await assert.rejects(() => asked, { code });
    opening.resolve();
    await bench.ask('a');
    assert.deepEqual(bench.events, ['load a']);
  });
}

test('only so many requests and so many of their bytes wait', async () => {
  const bench = new Bench(2);
  const opening = Promise.withResolvers<void>();
  bench.gate = opening.promise;
  const large = new CallContext(0, Infinity, undefined, 60 * 1024 * 1024);
  const waiting = [bench.ask('a', large)];
  const another = new CallContext(0, Infinity, undefined, 5 * 1024 * 1024);
  await assert.rejects(() => bench.ask('a', another), { reason: 'LOADS_EXCEEDED', retryAfterMs: 1000 });
  for (let i = 1; i < 1024; i++) waiting.push(bench.ask('a'));
  await assert.rejects(() => bench.ask('b'), { reason: 'LOADS_EXCEEDED' });
  opening.resolve();
  await Promise.all(waiting);
  await bench.ask('b');
});

test('what nobody asks for is unloaded after a while, what is asked for stays', async () => {
  const bench = new Bench(9, { idleMs: 60_000 });
  await bench.ask('a');
  await bench.ask('b');
  for (let i = 0; i < 8; i++) {
    bench.clock.advance(15_000);
    await settled();
    await bench.ask('b');
  }
  assert.deepEqual([...bench.loaded.keys()], ['b']);
  bench.residency[Symbol.dispose]();
});
