import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { HeldModels } from '../support/held-model.ts';
import { RedisCluster } from '../support/redis-cluster.ts';
import { RedisSentinels } from '../support/redis-sentinels.ts';
import { eventually, redisProgram, RedisServer } from '../support/redis-server.ts';
import {
  ask,
  event,
  found,
  isOff,
  patient,
  rounds,
  startCached,
  startConnected,
  untilKept,
} from '../support/shared-cache.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

const options = { skip: redisProgram.skip, timeout: 240_000 };

function file(name: string): string {
  return join(import.meta.dirname, '..', 'fixtures', 'tls', `${name}.pem`);
}

const tlsSettings = [
  '--tls-cert-file',
  file('server'),
  '--tls-key-file',
  file('server-key'),
  '--tls-ca-cert-file',
  file('authority'),
  '--tls-auth-clients',
  'no',
];

/** Four clients at once, each asking new things, while something happens. All have to be answered, and rightly. */
async function underLoad(models: HeldModels, first: number, what: () => Promise<void>): Promise<void> {
  const load = new AbortController();
  const client = async (number: number): Promise<void> => {
    for (let value = first + number; !load.signal.aborted; value += 4) await ask(models, value, 1);
  };
  const clients = Promise.all([0, 1, 2, 3].map(client));
  try {
    await what();
  } finally {
    load.abort();
    await clients;
  }
}

test(
  'a master of Sentinels killed in mid-load: every request is answered, and the new one keeps answers',
  options,
  async () => {
    await using redis = await RedisSentinels.start();
    const nodes = redis.sentinels.flatMap(({ address }) => ['--cache-redis', address]);
    const args = ['--cache-redis-mode', 'sentinel', ...nodes, ...patient];
    await using one = await startConnected(args);
    // The replica has it from its master.
    const before = await untilKept(one, redis.replica, rounds);
    await underLoad(one, rounds + 10_000, async () => {
      await redis.master.kill();
      await untilKept(one, redis.replica, rounds + 5000);
    });
    const written = await event(one, 'written');
    const after = await untilKept(one, redis.replica, rounds + 6000);
    await eventually(async () => (await event(one, 'written')) > written);
    await using other = await startConnected(args);
    assert.equal(await found(other, after), true);
    assert.equal(await found(other, before), true);
  },
);

test(
  'a node of a cluster killed in mid-load: every request is answered, and its replica keeps answers',
  options,
  async () => {
    await using redis = await RedisCluster.start();
    const [first] = redis.masters;
    assert.ok(first !== undefined);
    const nodes = redis.masters.flatMap(({ address }) => ['--cache-redis', address]);
    const args = ['--cache-redis-mode', 'cluster', ...nodes, ...patient];
    await using one = await startConnected(args);
    for (const master of redis.masters) await untilKept(one, master, rounds);
    await underLoad(one, rounds + 10_000, async () => {
      await first.kill();
      await untilKept(one, redis.replica, rounds + 5000);
    });
    const after = await untilKept(one, redis, rounds + 6000);
    await using other = await startConnected(args);
    assert.equal(await found(other, after), true);
  },
);

test('a Redis with TLS and users takes who has its certificate and password', options, async () => {
  using folder = new TemporaryFolder();
  const password = 'a password, not the one of others';
  const rights = [
    'on',
    `>${password}`,
    '~tensorgate:*',
    '-@all',
    '+get',
    '+set',
    '+zadd',
    '+zrange',
    '+zincrby',
    '+zremrangebyrank',
    '+pexpire',
    '+ping',
    '+info',
  ];
  const operator = ['--user', 'default', 'on', '>operator', '~*', '&*', '+@all'];
  const args = [...tlsSettings, ...operator, '--user', 'cache', ...rights];
  const access = { password: 'operator', tls: { ca: readFileSync(file('authority')) } };
  await using redis = await RedisServer.start({ args, access });
  const passwordFile = folder.write('password', `${password}\n`);
  const user = ['--cache-redis-username', 'cache', '--cache-redis-password-file', passwordFile];
  const tls = ['--cache-redis-tls', '--cache-redis-tls-ca', file('authority')];
  const flags = ['--cache-redis', redis.address, ...user, ...tls, ...patient];
  await using one = await startConnected(flags);
  const value = await untilKept(one, redis, rounds);
  await using other = await startConnected(flags);
  assert.equal(await found(other, value), true);
});

const authority = ['--cache-redis-tls', '--cache-redis-tls-ca', file('authority')];
const stranger = ['--cache-redis-tls', '--cache-redis-tls-ca', file('stranger-authority')];

const strangers = [
  ['the wrong password', [...authority, '--cache-redis-password-file'], 'WRONGPASS'],
  ['no password', authority, 'NOAUTH'],
  ['trust in another authority', stranger, 'certificate'],
  ['no TLS', [], 'shared cache'],
] as const;

for (const [what, flags, said] of strangers) {
  test(`a server with ${what} for Redis answers every request and says what is wrong`, options, async () => {
    using folder = new TemporaryFolder();
    const args = [...tlsSettings, '--requirepass', 'operator'];
    const access = { password: 'operator', tls: { ca: readFileSync(file('authority')) } };
    await using redis = await RedisServer.start({ args, access });
    const wrong = folder.write('password', 'not-the-password\n');
    const more = flags.at(-1) === '--cache-redis-password-file' ? [wrong] : [];
    await using models = await startCached(['--cache-redis', redis.address, ...flags, ...more]);
    await ask(models, rounds, 20);
    await models.server.printed(new RegExp(said));
    assert.equal(await isOff(models), true);
    assert.ok(!models.server.output().includes('not-the-password'));
  });
}
