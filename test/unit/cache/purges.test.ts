import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Purges } from '../../../src/cache/purges.ts';
import { FakeClock, settled } from '../../support/fake-clock.ts';
import { PuppetStore } from '../../support/puppet-store.ts';

interface Setup extends Disposable {
  readonly purges: Purges;
  /** Models that were purged, in order. */
  readonly told: readonly string[];
}

async function open(store: PuppetStore, clock: FakeClock): Promise<Setup> {
  const told: string[] = [];
  const purges = new Purges({ store, clock, prefix: 'p', onPurged: (model) => void told.push(model) });
  await settled();
  return { purges, told, [Symbol.dispose]: () => purges[Symbol.dispose]() };
}

test('a purge of one server is known to the others within a second', async () => {
  const store = new PuppetStore();
  const clock = new FakeClock();
  using one = await open(store, clock);
  using other = await open(store, clock);
  await one.purges.purge('m', 100);
  assert.notEqual(one.purges.era('m'), other.purges.era('m'));
  await clock.advanceSettling(1000);
  await settled();
  assert.equal(one.purges.era('m'), other.purges.era('m'));
  assert.deepEqual([one.told, other.told], [['m'], ['m']]);
  assert.equal(other.purges.era('n'), '');
});

test('each purge begins another era, also within one millisecond, and one of all models is one of each', async () => {
  using setup = await open(new PuppetStore(), new FakeClock());
  const eras = new Set([setup.purges.era('m')]);
  for (const model of ['m', 'm', '', '']) {
    await setup.purges.purge(model, 100);
    eras.add(setup.purges.era('m'));
  }
  assert.equal(eras.size, 5);
  assert.notEqual(setup.purges.era('n'), '');
});

test('a server that starts after a purge knows of it before it says that it knows all', async () => {
  const store = new PuppetStore();
  const clock = new FakeClock();
  using one = await open(store, clock);
  await one.purges.purge('m', 100);
  store.ready = false;
  using late = await open(store, clock);
  assert.equal(late.purges.known, false);
  store.ready = true;
  store.connect();
  assert.equal(late.purges.known, false);
  await settled();
  assert.equal(late.purges.known, true);
  assert.equal(late.purges.era('m'), one.purges.era('m'));
});

test('after three seconds without a look nothing is known', async () => {
  const store = new PuppetStore();
  const clock = new FakeClock();
  using setup = await open(store, clock);
  assert.equal(setup.purges.known, true);
  store.mood = 'hung';
  await clock.advanceSettling(2999);
  assert.equal(setup.purges.known, true);
  await clock.advanceSettling(1);
  assert.equal(setup.purges.known, false);
  store.mood = 'well';
  await clock.advanceSettling(1000);
  await settled();
  assert.equal(setup.purges.known, true);
});

test('a store that has lost a purge is told again and brings nothing back', async () => {
  const store = new PuppetStore();
  const clock = new FakeClock();
  using setup = await open(store, clock);
  await setup.purges.purge('m', 100);
  const era = setup.purges.era('m');
  store.numbers.set('m', 50);
  await clock.advanceSettling(1000);
  await settled();
  assert.equal(setup.purges.era('m'), era);
  store.numbers.clear();
  await clock.advanceSettling(1000);
  await settled();
  assert.equal(store.numbers.get('m'), 100);
});

for (const mood of ['failing', 'hung', 'unconnected'] as const) {
  test(`a purge with a store that is ${mood} holds here, fails, and is told as soon as it works`, async () => {
    const store = new PuppetStore();
    const clock = new FakeClock();
    using setup = await open(store, clock);
    if (mood === 'unconnected') store.ready = false;
    else store.mood = mood;
    const failure = assert.rejects(setup.purges.purge('m', 100), {
      code: 'unavailable',
      reason: 'CACHE_PURGE_NOT_SHARED',
    });
    await clock.advanceSettling(2000);
    await failure;
    assert.deepEqual(setup.told, ['m']);
    assert.notEqual(setup.purges.era('m'), '');
    store.ready = true;
    store.mood = 'well';
    await clock.advanceSettling(1000);
    await settled();
    assert.equal(store.numbers.get('m'), 100);
  });
}

test('numbers that no server writes are ignored', async () => {
  const store = new PuppetStore();
  for (const [word, score] of [
    ['m', Infinity],
    ['n', 1.5],
    ['o', Number.NaN],
    ['p', -3],
  ] as const) {
    store.numbers.set(word, score);
  }
  using setup = await open(store, new FakeClock());
  assert.deepEqual(setup.told, []);
  assert.equal(setup.purges.era('m'), '');
});
