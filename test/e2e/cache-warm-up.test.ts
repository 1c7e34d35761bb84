import assert from 'node:assert/strict';
import { test } from 'node:test';
import { redisProgram, RedisServer } from '../support/redis-server.ts';
import { event, found, patient, rounds, startConnected, untilKept } from '../support/shared-cache.ts';

test(
  'a new server has what the others are asked for most before anybody asks it',
  { timeout: 240_000, skip: redisProgram.skip },
  async () => {
    await using redis = await RedisServer.start();
    const flags = ['--cache-redis', redis.address, ...patient];
    await using one = await startConnected(flags);
    const value = await untilKept(one, redis, rounds);
    for (let times = 0; times < 100; times++) assert.equal(await found(one, value), true);
    // Servers tell every ten seconds.
    const told = async (): Promise<boolean> =>
      (await redis.use((client) => client.keys('tensorgate:hot:*'))).length > 0;
    while (!(await told()));
    await using other = await startConnected(flags);
    while ((await event(other, 'fetched')) === 0);
    await redis.kill();
    const computed = await other.executedRows('cached');
    assert.equal(await found(other, value), true);
    assert.equal(await other.executedRows('cached'), computed);
  },
);
