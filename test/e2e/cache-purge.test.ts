import assert from 'node:assert/strict';
import { test } from 'node:test';
import { run } from '../../src/cli/run.ts';
import { FakeTerminal } from '../support/fake-terminal.ts';
import { freePort } from '../support/free-port.ts';
import { redisProgram, RedisServer } from '../support/redis-server.ts';
import { found, patient, rounds, startCached, startConnected, untilKept } from '../support/shared-cache.ts';

const timeout = 240_000;

async function purge(adminPort: number, ...args: string[]): Promise<readonly [number, string]> {
  const terminal = new FakeTerminal({ TENSORGATE_ADMIN_ADDRESS: `127.0.0.1:${adminPort}` });
  const code = await run(['cache', 'purge', ...args], terminal);
  return [code, terminal.out + terminal.error];
}

for (const threads of ['1', '2']) {
  test(`a purge makes ${threads} I/O threads forget answers`, { timeout }, async () => {
    const port = await freePort();
    await using models = await startCached(['--admin-address', `127.0.0.1:${port}`, '--io-threads', threads]);
    await found(models, 3);
    assert.equal(await found(models, 3), true);
    assert.deepEqual(await purge(port, 'cached'), [
      0,
      "purged cached; 1 answers were in the server's memory\n",
    ]);
    assert.equal(await found(models, 3), false);
    assert.deepEqual(await purge(port), [0, "purged all models; 1 answers were in the server's memory\n"]);
    const [code, said] = await purge(port, 'nonesuch');
    assert.equal(code, 1);
    assert.match(said, /unknown model/);
  });
}

test(
  'a purge makes other servers on the same Redis forget answers, those that start later too',
  { timeout, skip: redisProgram.skip },
  async () => {
    await using redis = await RedisServer.start();
    const port = await freePort();
    const shared = ['--cache-redis', redis.address, ...patient];
    await using one = await startConnected([...shared, '--admin-address', `127.0.0.1:${port}`]);
    await using other = await startConnected(shared);
    const old = await untilKept(one, redis, rounds);
    assert.equal(await found(other, old), true);
    const [code] = await purge(port, 'cached');
    assert.equal(code, 0);
    await using late = await startConnected(shared);
    assert.equal(await found(late, old), false);
    // Others look every second.
    while ((await other.reading('cached', 'tensorgate_cache_entries')) > 0);
    const fresh = await untilKept(one, redis, rounds + 100);
    assert.equal(await found(other, fresh), true);
  },
);

test('a purge that Redis does not take says so', { timeout, skip: redisProgram.skip }, async () => {
  await using redis = await RedisServer.start();
  const port = await freePort();
  const args = ['--cache-redis', redis.address, ...patient, '--admin-address', `127.0.0.1:${port}`];
  await using _server = await startConnected(args);
  await redis.kill();
  const [code, said] = await purge(port, 'cached');
  assert.equal(code, 1);
  assert.match(said, /purged here, but the shared cache does not take it/);
});
