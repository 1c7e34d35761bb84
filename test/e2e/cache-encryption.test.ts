import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import type { HeldModels } from '../support/held-model.ts';
import { redisProgram, RedisServer } from '../support/redis-server.ts';
import { ask, event, found, patient, rounds, startCached, startConnected } from '../support/shared-cache.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

const options = { skip: redisProgram.skip, timeout: 240_000 };

/** Asks new things until Redis has taken one of them; all that was asked. */
async function untilWritten(models: HeldModels, first: number): Promise<readonly number[]> {
  // What was computed before may be written only now, and goes first.
  const before = await models.executedRows('cached');
  const asked: number[] = [];
  for (let value = first; (await event(models, 'written')) <= before; value++) {
    await ask(models, value, 1);
    asked.push(value);
  }
  return asked;
}

async function foundAny(models: HeldModels, values: readonly number[]): Promise<boolean> {
  let any = false;
  for (const value of values) any = (await found(models, value)) || any;
  return any;
}

test('values in Redis are encrypted, and found by servers that have the key', options, async () => {
  using folder = new TemporaryFolder();
  await using redis = await RedisServer.start();
  const key = randomBytes(32).toString('hex');
  const other = randomBytes(32).toString('hex');
  const flags = (keys: string, name: string): readonly string[] => {
    const file = folder.write(name, keys);
    return ['--cache-redis', redis.address, ...patient, '--cache-redis-encryption-keys', file];
  };
  await using one = await startConnected(flags(`${key}\n`, 'one'));
  const values = await untilWritten(one, rounds);
  for (const value of values) {
    assert.equal(await redis.holds(Buffer.from(Float32Array.of(value).buffer)), false);
  }
  assert.equal(await redis.holds(Buffer.from('FP32')), false);
  {
    await using stranger = await startConnected(flags(`${other}\n`, 'stranger'));
    assert.equal(await foundAny(stranger, values), false);
    assert.ok((await event(stranger, 'invalid')) >= 1);
  }
  await using rotated = await startConnected(flags(`${other}\n${key}\n`, 'rotated'));
  const more = await untilWritten(one, rounds + 100);
  assert.equal(await foundAny(rotated, more), true);
});

for (const threads of ['1', '2']) {
  test(
    `with ${threads} I/O threads a server without the keys that it is to use does not start, and says why`,
    options,
    async () => {
      await assert.rejects(
        startCached([
          '--cache-redis',
          '127.0.0.1:1',
          '--cache-redis-encryption-keys',
          '/nonexistent',
          '--io-threads',
          threads,
        ]),
        /encryptionKeysFile: \/nonexistent cannot be read/,
      );
    },
  );
}
