import assert from 'node:assert/strict';
import { setTimeout as wait } from 'node:timers/promises';
import { test } from 'node:test';
import { redisProgram, RedisServer } from '../support/redis-server.ts';
import { RolloutServer } from '../support/rollout-server.ts';

const timeout = 120_000;
const { skip } = redisProgram;
const quick = { minutes: 0, samples: 100, guards: { latency: false } };

async function twoReplicas(): Promise<{
  redis: RedisServer;
  one: RolloutServer;
  other: RolloutServer;
  [Symbol.asyncDispose](): Promise<void>;
}> {
  await using undo = new AsyncDisposableStack();
  const redis = undo.use(await RedisServer.start());
  const args = ['--rollout-store', 'redis', '--cache-redis', redis.address];
  const one = undo.use(await RolloutServer.start(args));
  const other = undo.use(await RolloutServer.start(args));
  const owned = undo.move();
  return { redis, one, other, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function percentOf(server: RolloutServer): Promise<unknown> {
  const [rollout] = await server.rollouts.list();
  return rollout?.['percent'];
}

async function until(what: () => Promise<boolean>): Promise<number> {
  const signal = AbortSignal.timeout(40_000);
  while (!(await what())) {
    signal.throwIfAborted();
    await wait(20);
  }
  return performance.now();
}

test(
  'replicas on one Redis give a user the same arm all the way, and decide on what both have seen',
  { timeout, skip },
  async () => {
    await using replicas = await twoReplicas();
    const { one, other } = replicas;
    await one.start({ ...quick, candidate: 5, steps: [10, 40, 100], samples: 400 });
    await until(async () => (await percentOf(other)) !== undefined);
    let pairs = 0;
    let apart = 0;
    while ((await percentOf(other)) !== 100) {
      const asked = Array.from({ length: 16 }, async (_, index) => {
        const user = `u${(pairs + index) % 500}`;
        const [mine, theirs] = await Promise.all([one.infer(user, [1, 1]), other.infer(user, [1, 1])]);
        if (mine.arm !== theirs.arm) apart += 1;
      });
      await Promise.all(asked);
      pairs += asked.length;
    }
    // They change at one moment of their clocks, and a pair may be asked around it.
    assert.ok(pairs > 300 && apart <= 16, `${apart} of ${pairs} pairs`);
    const { stable_requests, candidate_requests } = await one.rollouts.get('scores');
    assert.ok(Number(stable_requests) + Number(candidate_requests) > pairs * 1.2);
  },
);

test('a rollback reaches every replica in less than a second', { timeout, skip }, async () => {
  await using replicas = await twoReplicas();
  const { one, other } = replicas;
  await one.start({ ...quick, candidate: 4, steps: [50, 100], samples: 100_000 });
  await until(async () => (await percentOf(one)) === 50 && (await percentOf(other)) === 50);
  const over = new AbortController();
  const users = (async () => {
    // Only one replica meets what the candidate fails at.
    for (let count = 0; !over.signal.aborted; count++) {
      const batch = Array.from({ length: 8 }, (_, index) => one.infer(`u${count * 8 + index}`, [2.5, 1]));
      await Promise.all([...batch, other.infer(`v${count}`, [1, 1])]);
    }
  })();
  const first = await Promise.race([
    until(async () => (await percentOf(one)) === 0),
    until(async () => (await percentOf(other)) === 0),
  ]);
  const all = await until(async () => (await percentOf(one)) === 0 && (await percentOf(other)) === 0);
  over.abort();
  await users;
  assert.ok(all - first < 1000, `${all - first} ms`);
  assert.match(await other.command('status', 'scores'), /rolled_back/);
});

test(
  'any replica is told to pause or abort, and all do; another one decides when the first is gone',
  { timeout, skip },
  async () => {
    await using replicas = await twoReplicas();
    const { one, other, redis } = replicas;
    await one.start({ ...quick, candidate: 5, steps: [10, 100], samples: 1_000_000 });
    await until(async () => (await percentOf(other)) === 10);
    await other.command('pause', 'scores', '--why', 'lunch');
    await until(async () => (await one.rollouts.get('scores'))['phase'] === 'paused');
    assert.match(await one.command('history', 'scores'), /paused +lunch/);
    await one.restart();
    assert.equal(await percentOf(one), 10);
    // Without Redis nothing changes, and nobody can change it.
    await redis.kill();
    assert.equal((await one.infer('u', [1, 1])).score > 0, true);
    assert.equal(await percentOf(other), 10);
    await assert.rejects(other.command('abort', 'scores'), /Redis/);
    // It comes back without its memory, and is told again what there was.
    await redis.restart();
    await until(async () =>
      other.command('abort', 'scores').then(
        () => true,
        () => false,
      ),
    );
    await until(async () => (await percentOf(one)) === 0);
  },
);
