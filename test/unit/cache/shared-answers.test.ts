import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InferResponse } from '../../../src/inference/response.ts';
import { callAt, firstOfRows, rowsRequest } from '../../support/build-target.ts';
import { CachedModel } from '../../support/cached-model.ts';
import { settled } from '../../support/fake-clock.ts';
import { PuppetStore } from '../../support/puppet-store.ts';

function valueOf(response: InferResponse): number | undefined {
  return firstOfRows(response.outputs[0]?.data ?? new Uint8Array(0))[0];
}

/** A model that knows what the store knows of purges. */
async function connected(store: PuppetStore): Promise<CachedModel> {
  const model = new CachedModel({ store });
  await settled();
  return model;
}

/** Asks for a row that nobody has asked this server for; it is computed as soon as that is begun. */
async function ask(model: CachedModel, row: number, deadline = Infinity): Promise<InferResponse> {
  const runs = model.runs.length;
  const answer = model.submit(rowsRequest(1, row), callAt(model.clock.now(), { deadline }));
  await settled();
  if (model.runs.length > runs) model.runs.at(-1)?.succeed();
  return answer;
}

test("another server's first request is answered with what this one has computed", async () => {
  const store = new PuppetStore();
  const one = await connected(store);
  await ask(one, 7);
  await settled();
  const other = await connected(store);
  const answer = await ask(other, 7);
  assert.equal(valueOf(answer), 7);
  assert.equal(answer.parameters.get('cache_hit'), true);
  assert.equal(other.runs.length, 0);
  assert.deepEqual(other.reading().requests, { hit: 0, stale: 0, joined: 0, shared: 1, miss: 0 });
  assert.deepEqual([other.statistics.hits, other.statistics.successes.length], [1, 1]);
  assert.equal(one.reading().shared?.events.written, 1);
});

test('what was found there is not asked for again', async () => {
  const store = new PuppetStore();
  await ask(await connected(store), 7);
  await settled();
  const other = await connected(store);
  await ask(other, 7);
  const asked = store.asked.length;
  await ask(other, 7);
  assert.equal(store.asked.length, asked);
});

test('equal requests that come together ask once', async () => {
  const store = new PuppetStore();
  const model = await connected(store);
  const answers = [1, 2, 3].map(() => model.submit(rowsRequest(1, 7), callAt(1000)));
  await settled();
  assert.equal(store.asked.length, 1);
  model.runs[0]?.succeed();
  assert.deepEqual((await Promise.all(answers)).map(valueOf), [7, 7, 7]);
  assert.equal(model.runs.length, 1);
});

test('a store that hangs costs a request its budget, and after some requests nothing', async () => {
  const store = new PuppetStore();
  const model = await connected(store);
  store.mood = 'hung';
  for (let row = 0; row < 5; row++) {
    const answer = model.submit(rowsRequest(1, row), callAt(model.clock.now()));
    await model.clock.advanceSettling(4);
    assert.equal(model.runs.length, row);
    await model.clock.advanceSettling(1);
    assert.equal(model.runs.length, row + 1);
    model.runs.at(-1)?.succeed();
    assert.equal(valueOf(await answer), row);
  }
  assert.equal(valueOf(await ask(model, 99)), 99);
  const { shared } = model.reading();
  assert.deepEqual([shared?.offReason, shared?.events.timeout, store.asked.length], ['unreachable', 5, 5]);
  model.close();
  assert.equal(model.clock.pending, 0);
});

test('a store that is slow is left alone also where the process stood still until its answer was there', async () => {
  const store = new PuppetStore();
  const model = await connected(store);
  const { clock } = model;
  store.mood = 'failing';
  for (let row = 0; row < 6; row++) await ask(model, row);
  const pong = Promise.withResolvers<void>();
  let pings = 0;
  store.ping = () => {
    pings += 1;
    return pong.promise;
  };
  await clock.advanceSettling(clock.nextDue - clock.now());
  assert.equal(pings, 1);
  clock.standStill(6);
  pong.resolve();
  await settled();
  assert.equal(model.reading().shared?.offReason, 'unreachable');
  await clock.advanceSettling(1000);
  assert.deepEqual([pings, model.reading().shared?.offReason], [2, '']);
  model.close();
});

test('a store that works again is asked again', async () => {
  const store = new PuppetStore();
  const model = await connected(store);
  store.mood = 'failing';
  for (let row = 0; row < 6; row++) await ask(model, row);
  assert.equal(model.reading().shared?.offReason, 'unreachable');
  assert.deepEqual([model.reading().shared?.events.error, store.asked.length], [5, 5]);
  store.mood = 'well';
  await model.clock.advanceSettling(500);
  await ask(model, 50);
  assert.equal(model.reading().shared?.offReason, '');
  assert.equal(store.asked.length, 6);
  model.close();
});

test('a caller with little time has the store asked for a tenth of it', async () => {
  const store = new PuppetStore();
  const model = await connected(store);
  store.mood = 'hung';
  const answer = model.submit(rowsRequest(1, 7), callAt(1000, { deadline: 1020 }));
  await model.clock.advanceSettling(2);
  assert.equal(model.runs.length, 1);
  model.runs[0]?.succeed();
  await answer;
  model.close();
});

test('a value that is no answer is none, and is replaced', async () => {
  const store = new PuppetStore();
  const model = await connected(store);
  await ask(model, 7);
  await settled();
  const [name] = store.values.keys();
  assert.ok(name !== undefined);
  store.values.set(name, Buffer.from('no answer at all'));
  const other = await connected(store);
  assert.equal(valueOf(await ask(other, 7)), 7);
  await settled();
  assert.deepEqual([other.runs.length, other.reading().shared?.events.invalid], [1, 1]);
  assert.notEqual(store.values.get(name)?.toString(), 'no answer at all');
});

test('without a connection nothing is asked or written', async () => {
  const store = new PuppetStore();
  store.ready = false;
  const model = await connected(store);
  assert.equal(valueOf(await ask(model, 7)), 7);
  assert.deepEqual([store.asked.length, store.values.size], [0, 0]);
  assert.equal(model.reading().shared?.offReason, 'unreachable');
});

test('an answer above the largest value is not written', async () => {
  const store = new PuppetStore();
  const model = await connected(store);
  const answer = model.submit(rowsRequest(2000, 0), callAt(1000));
  await settled();
  model.runs[0]?.succeed();
  await answer;
  await settled();
  assert.deepEqual([store.values.size, model.reading().shared?.events.unwritten], [0, 1]);
});

/** As many requests as it takes to believe that a round trip takes 2 ms; computing takes one. */
async function slowTrips(model: CachedModel, store: PuppetStore): Promise<void> {
  for (let row = 100; row < 108; row++) {
    const slow = Promise.withResolvers<Buffer | null>();
    store.get = () => slow.promise;
    const answer = model.submit(rowsRequest(1, row), callAt(model.clock.now()));
    await model.clock.advanceSettling(2);
    slow.resolve(null);
    await settled();
    model.runs.at(-1)?.succeed();
    await answer;
  }
}

test('a model that computes in less than three round trips asks once in 128 requests', async () => {
  const store = new PuppetStore();
  const model = await connected(store);
  await slowTrips(model, store);
  assert.equal(model.reading().shared?.offReason, 'does_not_pay');
  store.ping = () => new Promise(() => undefined);
  let asked = 0;
  store.get = async () => {
    asked += 1;
    return null;
  };
  for (let row = 200; row < 200 + 127; row++) await ask(model, row);
  assert.equal(asked, 0);
  await ask(model, 999);
  assert.equal(asked, 1);
  model.close();
});

test('what does not pay is measured without any request waiting, and asked again when it pays', async () => {
  const store = new PuppetStore();
  const model = await connected(store);
  const { clock } = model;
  await slowTrips(model, store);
  store.get = () => Promise.resolve(null);
  for (let row = 200; row < 260 && model.reading().shared?.offReason !== ''; row++) {
    const before = clock.now();
    await ask(model, row);
    assert.equal(clock.now(), before);
    await clock.advanceSettling(50);
  }
  assert.equal(model.reading().shared?.offReason, '');
  model.close();
});

test('a slow measurement says nothing: it may have waited for the model', async () => {
  const store = new PuppetStore();
  const model = await connected(store);
  await slowTrips(model, store);
  const pong = Promise.withResolvers<void>();
  store.ping = () => pong.promise;
  await ask(model, 200);
  await model.clock.advanceSettling(50);
  pong.resolve();
  await settled();
  assert.equal(model.reading().shared?.roundTripMs, 2);
  model.close();
});

test('writes that never end make room for others in the end', async () => {
  const store = new PuppetStore();
  const model = await connected(store);
  store.set = () => new Promise(() => undefined);
  const largest = 1200;
  const fill = async (from: number, count: number): Promise<void> => {
    for (let row = from; row < from + count; row++) {
      const answer = model.submit(rowsRequest(largest, row), callAt(model.clock.now()));
      await settled();
      model.runs.at(-1)?.succeed();
      await answer;
    }
  };
  await fill(0, 1800);
  const refused = model.reading().shared?.events.unwritten ?? 0;
  assert.ok(refused > 0 && refused < 1800, `${refused}`);
  await model.clock.advanceSettling(10_001);
  await fill(5000, 1);
  assert.equal(model.reading().shared?.events.unwritten, 1800);
  model.close();
});

test('what was purged is not found in the store, and another server forgets it too', async () => {
  const store = new PuppetStore();
  const one = await connected(store);
  const other = await connected(store);
  await ask(one, 7);
  await settled();
  await ask(other, 7);
  assert.equal(other.runs.length, 0);
  await one.purge('m');
  await ask(one, 7);
  assert.equal(one.runs.length, 2);
  await other.clock.advanceSettling(1000);
  await settled();
  assert.equal(other.reading().entries, 0);
  const again = await ask(other, 7);
  assert.equal(other.runs.length, 0);
  assert.equal(again.parameters.get('cache_hit'), true);
  one.close();
  other.close();
});

test('what was begun before a purge is not written for others', async () => {
  const store = new PuppetStore();
  const model = await connected(store);
  const answer = model.submit(rowsRequest(1, 7), callAt(1000));
  await settled();
  await model.purge();
  model.runs[0]?.succeed();
  await answer;
  await settled();
  assert.equal(store.values.size, 0);
  model.close();
});

/** Asks for rows so often that they are told to be hot, and lets ten seconds pass. */
async function heat(model: CachedModel, rows: readonly number[]): Promise<void> {
  for (const row of rows) await ask(model, row);
  for (let time = 0; time < 16; time++) for (const row of rows) await ask(model, row);
  await model.clock.advanceSettling(10_000);
  await settled();
}

test('a new server has what others are asked for most before anybody asks it', async () => {
  const store = new PuppetStore();
  const one = await connected(store);
  await heat(one, [1, 2, 3]);
  const other = await connected(store);
  await ask(other, 50);
  await settled();
  const asked = store.asked.length;
  assert.equal(other.reading().shared?.events.fetched, 3);
  for (const row of [1, 2, 3]) assert.equal(valueOf(await ask(other, row)), row);
  assert.deepEqual([other.runs.length, store.asked.length], [1, asked]);
  one.close();
  other.close();
});

test('what others are asked for is looked for once, and as soon as there is a connection', async () => {
  const store = new PuppetStore();
  const one = await connected(store);
  await heat(one, [1]);
  store.ready = false;
  const other = await connected(store);
  await ask(other, 50);
  assert.equal(other.reading().shared?.events.fetched, 0);
  store.ready = true;
  store.connect();
  await settled();
  await ask(other, 51);
  await settled();
  await ask(other, 52);
  await settled();
  assert.equal(other.reading().shared?.events.fetched, 1);
  one.close();
  other.close();
});

test('lists of keys that no server wrote, and values that are no answers, are ignored', async () => {
  const store = new PuppetStore();
  const one = await connected(store);
  await heat(one, [1, 2]);
  const [[name = '', counts] = []] = store.counted;
  assert.ok(counts !== undefined);
  store.counted.set(name, new Map([...counts, ['no key', 99], ['0'.repeat(32), 98], ['f'.repeat(3000), 97]]));
  for (const key of store.values.keys()) store.values.set(key, Buffer.from('no answer'));
  const other = await connected(store);
  assert.equal(valueOf(await ask(other, 50)), 50);
  await settled();
  assert.equal(other.reading().shared?.events.fetched, 0);
  assert.equal(other.reading().entries, 1);
  one.close();
  other.close();
});

test('what others are asked for fills no more than half of the memory', async () => {
  const store = new PuppetStore();
  const one = await connected(store);
  const rows = Array.from({ length: 48 }, (_, row) => row);
  await heat(one, rows);
  const other = new CachedModel({ store, maxBytes: 4000 });
  await settled();
  await ask(other, 500);
  await settled();
  assert.ok(other.reading().sizeBytes <= 3000, `${other.reading().sizeBytes}`);
  assert.ok((other.reading().shared?.events.fetched ?? 0) >= 1);
  one.close();
  other.close();
});

test('a store that hangs keeps nobody who looks for what others are asked for', async () => {
  const store = new PuppetStore();
  const model = await connected(store);
  store.highest = () => new Promise(() => undefined);
  assert.equal(valueOf(await ask(model, 1)), 1);
  model.close();
  assert.equal(model.clock.pending, 0);
});
