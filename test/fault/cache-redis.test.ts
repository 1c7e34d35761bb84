import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeldModels, valuesOf } from '../support/held-model.ts';
import { redisProgram, RedisServer } from '../support/redis-server.ts';

const options = { skip: redisProgram.skip, timeout: 60_000 };

/** Ten milliseconds each: worth asking for. */
const rounds = 1000;

function start(redis: RedisServer): Promise<HeldModels> {
  const cached = 'max_batch_size: 8 dynamic_batching { } response_cache { enable: true }';
  return HeldModels.start({ cached }, ['--cache-redis', redis.address]);
}

/** Requests that nobody has sent to this server before, one after the other: all have to be answered, and rightly. */
async function ask(models: HeldModels, first: number, count = 12): Promise<void> {
  for (let value = first; value < first + count; value++) {
    assert.deepEqual(valuesOf(await models.infer('cached', { values: [value] })), [value]);
  }
}

function outcome(models: HeldModels, word: string): Promise<number> {
  return models.reading('cached', 'tensorgate_cache_requests_total', `outcome="${word}"`);
}

function event(models: HeldModels, word: string): Promise<number> {
  return models.reading('cached', 'tensorgate_cache_shared_events_total', `event="${word}"`);
}

/** Asks new things until Redis has taken an answer again; the test's time limit ends it otherwise. */
async function untilWritten(models: HeldModels, from: number): Promise<void> {
  const before = await event(models, 'written');
  for (let value = from; (await event(models, 'written')) === before; value++) await ask(models, value, 1);
}

test(
  'the first request of a second server is answered with what the first one computed',
  options,
  async () => {
    await using redis = await RedisServer.start();
    await using one = await start(redis);
    await ask(one, rounds, 1);
    while ((await event(one, 'written')) < 1);
    await using other = await start(redis);
    const answer = await other.infer('cached', { values: [rounds] });
    assert.deepEqual(valuesOf(answer), [rounds]);
    assert.equal(answer.parameters['cache_hit'], true);
    assert.equal(await other.executedRows('cached'), 0);
    assert.equal(await other.reading('cached', 'nv_cache_num_hits_per_model'), 1);
  },
);

test(
  'Redis killed and started again: every request is answered, and answers are shared again',
  options,
  async () => {
    await using redis = await RedisServer.start();
    await using models = await start(redis);
    await ask(models, rounds);
    const load = ask(models, rounds + 100, 40);
    await redis.kill();
    await load;
    await ask(models, rounds + 200);
    assert.equal(await models.reading('cached', 'tensorgate_cache_shared_off'), 1);
    await redis.restart();
    await untilWritten(models, rounds + 300);
  },
);

test(
  'Redis hung and going on: every request is answered, and answers are shared again',
  options,
  async () => {
    await using redis = await RedisServer.start();
    await using models = await start(redis);
    await ask(models, rounds);
    redis.signal('SIGSTOP');
    await ask(models, rounds + 100, 20);
    assert.ok((await event(models, 'timeout')) >= 5);
    assert.equal(await models.reading('cached', 'tensorgate_cache_shared_off'), 1);
    redis.signal('SIGCONT');
    await untilWritten(models, rounds + 300);
  },
);

test('Redis slower than the budget: every request is answered', options, async () => {
  await using redis = await RedisServer.start();
  await using models = await start(redis);
  await ask(models, rounds);
  await redis.use((client) => client.client('PAUSE', 1000, 'ALL'));
  await ask(models, rounds + 100, 20);
  assert.ok((await event(models, 'timeout')) >= 1);
  await untilWritten(models, rounds + 300);
});

const refusals = [
  ['takes no writes', 'min-replicas-to-write', '1', '0'],
  ['is out of memory', 'maxmemory', '1', '0'],
] as const;

for (const [what, setting, bad, good] of refusals) {
  test(`Redis that ${what}: every request is answered, and what it has is found`, options, async () => {
    await using redis = await RedisServer.start();
    await using one = await start(redis);
    await ask(one, rounds, 3);
    while ((await event(one, 'written')) < 3);
    await redis.use((client) => client.config('SET', setting, bad));
    await ask(one, rounds + 100);
    assert.ok((await event(one, 'unwritten')) >= 1);
    await using other = await start(redis);
    await ask(other, rounds, 1);
    assert.equal(await other.reading('cached', 'nv_cache_num_hits_per_model'), 1);
    await redis.use((client) => client.config('SET', setting, good));
    await untilWritten(one, rounds + 300);
  });
}

const foreign = [
  ['garbage', 'invalid', (value: Buffer) => Buffer.alloc(value.length, 7)],
  ['damaged values', 'invalid', (value: Buffer) => Buffer.concat([value.subarray(0, -1), Buffer.of(255)])],
  ['values cut short', 'invalid', (value: Buffer) => value.subarray(0, value.length / 2)],
  ['values of another type', 'error', undefined],
] as const;

for (const [what, counted, change] of foreign) {
  test(`Redis with ${what}: every request is answered, and rightly`, options, async () => {
    await using redis = await RedisServer.start();
    await using one = await start(redis);
    await ask(one, rounds, 4);
    while ((await event(one, 'written')) < 4);
    await redis.use(async (client) => {
      for (const name of await client.keys('tensorgate:*')) {
        const value = await client.getBuffer(name);
        assert.ok(value !== null);
        await client.del(name);
        await (change === undefined ? client.lpush(name, 'x') : client.set(name, change(value)));
      }
    });
    await using other = await start(redis);
    await ask(other, rounds, 4);
    assert.equal(await outcome(other, 'shared'), 0);
    assert.ok((await event(other, counted)) >= 1);
  });
}
