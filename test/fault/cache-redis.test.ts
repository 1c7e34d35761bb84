import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HeldModels } from '../support/held-model.ts';
import { redisProgram, RedisServer } from '../support/redis-server.ts';
import {
  ask,
  event,
  found,
  outcome,
  patient,
  rounds,
  startCached,
  startConnected,
  untilConnected,
  untilKept,
  untilOff,
} from '../support/shared-cache.ts';
import { SlowProxy } from '../support/slow-proxy.ts';

const options = { skip: redisProgram.skip, timeout: 240_000 };

/** A server that shares answers through this Redis and has found out that it pays. */
function start(redis: { readonly address: string }, args = patient): Promise<HeldModels> {
  return startConnected(['--cache-redis', redis.address, ...args]);
}

test(
  'the first request of a second server is answered with what the first one computed',
  options,
  async () => {
    await using redis = await RedisServer.start();
    await using one = await start(redis);
    const value = await untilKept(one, redis, rounds);
    await using other = await start(redis);
    const computed = await other.executedRows('cached');
    assert.equal(await found(other, value), true);
    assert.equal(await other.executedRows('cached'), computed);
    assert.equal(await outcome(other, 'shared'), 1);
  },
);

test(
  'Redis killed in mid-load and started again: every request is answered, and answers are shared again',
  options,
  async () => {
    await using redis = await RedisServer.start();
    await using models = await start(redis);
    await ask(models, rounds);
    const load = ask(models, rounds + 100, 40);
    await redis.kill();
    await load;
    await untilOff(models, rounds + 200);
    await redis.restart();
    await untilKept(models, redis, rounds + 300);
  },
);

test(
  'Redis that refuses connections: every request is answered, and answers are shared once it listens',
  options,
  async () => {
    await using redis = await RedisServer.prepare();
    await using models = await startCached(['--cache-redis', redis.address, ...patient]);
    await ask(models, rounds);
    await untilOff(models, rounds + 100);
    await redis.restart();
    await untilKept(models, redis, rounds + 300);
  },
);

test(
  'Redis hung and going on: every request is answered, and answers are shared again',
  options,
  async () => {
    await using redis = await RedisServer.start();
    await using models = await start(redis, ['--cache-redis-budget', '100']);
    await ask(models, rounds);
    await untilConnected(models);
    redis.signal('SIGSTOP');
    await untilOff(models, rounds + 100);
    assert.ok((await event(models, 'timeout')) >= 1);
    await ask(models, rounds + 200);
    redis.signal('SIGCONT');
    await untilKept(models, redis, rounds + 300);
  },
);

for (const delayMs of [50, 500, 5000]) {
  test(
    `Redis that takes ${delayMs} ms: few requests wait for it, and only for the budget`,
    options,
    async () => {
      await using redis = await RedisServer.start();
      await using proxy = await SlowProxy.start(redis.port);
      await using models = await start(proxy, ['--cache-redis-budget', '20']);
      await ask(models, rounds);
      await untilConnected(models);
      const before = models.server.output().length;
      proxy.delayMs = delayMs;
      // A connection that is silent for too long is given up, if that comes first.
      const leftAlone = /the shared cache (does not answer|cannot be reached)/;
      for (let value = rounds + 100; !leftAlone.test(models.server.output().slice(before)); value++) {
        await ask(models, value, 1);
      }
      const waited = await event(models, 'timeout');
      await ask(models, rounds + 200, 100);
      // Whether it has become faster is asked by nobody who waits for an answer.
      assert.equal(await event(models, 'timeout'), waited);
      proxy.delayMs = 0;
      await untilKept(models, redis, rounds + 400);
    },
  );
}

test(
  'Redis flushed in mid-load: every request is answered, and what is computed is found there again',
  options,
  async () => {
    await using redis = await RedisServer.start();
    await using one = await start(redis);
    const lost = await untilKept(one, redis, rounds);
    const load = ask(one, rounds + 100, 20);
    await redis.use((client) => client.flushall());
    await load;
    await using other = await start(redis);
    assert.equal(await found(other, lost), false);
    const value = await untilKept(other, redis, rounds + 200);
    await using third = await start(redis);
    assert.equal(await found(third, value), true);
  },
);

const refusals = [
  [
    'takes no writes because it follows another one',
    (redis: RedisServer) => redis.use((client) => client.replicaof('127.0.0.1', 1)),
    (redis: RedisServer) => redis.use((client) => client.replicaof('NO', 'ONE')),
  ],
  [
    'is out of memory',
    (redis: RedisServer) => redis.use((client) => client.config('SET', 'maxmemory', '1')),
    (redis: RedisServer) => redis.use((client) => client.config('SET', 'maxmemory', '0')),
  ],
] as const;

for (const [what, breakIt, repair] of refusals) {
  test(`Redis that ${what}: every request is answered, and what it has is found`, options, async () => {
    await using redis = await RedisServer.start();
    await using one = await start(redis);
    const value = await untilKept(one, redis, rounds);
    await breakIt(redis);
    for (let next = rounds + 100; (await event(one, 'unwritten')) === 0; next++) await ask(one, next, 1);
    await using other = await start(redis);
    assert.equal(await found(other, value), true);
    await repair(redis);
    await untilKept(one, redis, rounds + 300);
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
    const value = await untilKept(one, redis, rounds);
    await redis.use(async (client) => {
      for (const name of await client.keys('tensorgate:*')) {
        const kept = await client.getBuffer(name);
        assert.ok(kept !== null);
        await client.del(name);
        await (change === undefined ? client.lpush(name, 'x') : client.set(name, change(kept)));
      }
    });
    await using other = await start(redis);
    assert.equal(await found(other, value), false);
    assert.equal(await outcome(other, 'shared'), 0);
    assert.ok((await event(other, counted)) >= 1);
    await untilConnected(other);
  });
}
