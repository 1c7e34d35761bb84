import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { items, number, part } from '../../src/client/fields.ts';
import { eventually, redisProgram, RedisServer } from '../support/redis-server.ts';
import { RolloutServer } from '../support/rollout-server.ts';

const quick = { minutes: 0, samples: 100, guards: { latency: false } };

async function rolloutOf(server: RolloutServer): Promise<Readonly<Record<string, unknown>>> {
  const [rollout] = await server.rollouts.list();
  return rollout ?? {};
}

async function percentOf(server: RolloutServer): Promise<unknown> {
  return (await rolloutOf(server))['percent'];
}

describe('two replicas on one Redis', { skip: redisProgram.skip, timeout: 300_000 }, () => {
  let redis: RedisServer;
  let one: RolloutServer;
  let other: RolloutServer;
  const undo = new AsyncDisposableStack();

  before(async () => {
    redis = undo.use(await RedisServer.start());
    const args = ['--rollout-store', 'redis', '--cache-redis', redis.address];
    [one, other] = await Promise.all([RolloutServer.start(args), RolloutServer.start(args)]);
    undo.use(one);
    undo.use(other);
  });
  after(() => undo.disposeAsync());

  const percents = async (): Promise<string> => (await Promise.all([one, other].map(percentOf))).join();

  /** The users of a version, once both give each user the same one; asked until they do, as nothing changes meanwhile. */
  const usersOf = async (arm: string, more: number): Promise<readonly string[]> => {
    let found: readonly string[] = [];
    await eventually(async () => {
      const users = Array.from({ length: 200 }, (_, user) => `u${user}`);
      const ask = (server: RolloutServer) => Promise.all(users.map((user) => server.infer(user, [1, 1])));
      const [mine, theirs] = await Promise.all([ask(one), ask(other)]);
      found = users.filter((_, user) => mine[user]?.arm === arm);
      return found.length > more && users.every((_, user) => mine[user]?.arm === theirs[user]?.arm);
    });
    return found;
  };

  test('give a user the same arm all the way, and decide on what both have seen', async () => {
    await one.start({ ...quick, candidate: 5, steps: [10, 40, 100], samples: 20 });
    await eventually(async () => (await percents()) === '10,10');
    // A pause holds the next step back while users are compared.
    await one.command('pause', 'scores');
    await eventually(async () => (await rolloutOf(other))['phase'] === 'paused');
    const first = await usersOf('canary', 0);
    assert.ok(first.length < 50, `${first.length} of 200 users`);
    await eventually(async () => {
      const { stable_requests, candidate_requests } = await one.rollouts.get('scores');
      return Number(candidate_requests) >= 2 * first.length && Number(stable_requests) >= 300;
    });
    await other.command('resume', 'scores');
    await eventually(async () => (await percents()) === '40,40');
    await other.command('pause', 'scores');
    await eventually(async () => (await rolloutOf(one))['phase'] === 'paused');
    const second = await usersOf('canary', 50);
    assert.ok(second.length < 120, `${second.length} of 200 users`);
    for (const user of first) assert.ok(second.includes(user), `${user} left the canary`);
    await one.command('resume', 'scores');
    await eventually(async () => (await percents()) === '100,100');
    assert.equal((await usersOf('canary', 199)).length, 200);
    await one.command('abort', 'scores');
  });

  test('know of a rollback that only one of them met the reason of', async () => {
    await one.start({ ...quick, candidate: 4, steps: [50, 100], samples: 100_000 });
    await eventually(async () => (await percents()) === '50,50');
    for (let count = 0; (await percents()) !== '0,0'; count++) {
      const batch = Array.from({ length: 8 }, (_, index) => one.infer(`u${count * 8 + index}`, [2.5, 1]));
      await Promise.all([...batch, other.infer(`v${count}`, [1, 1])]);
    }
    assert.match(await other.command('status', 'scores'), /rolled_back/);
  });

  test('learn from the rewards that the other is told, agree on arms, and end a bandit together', async () => {
    await one.start({
      strategy: 'bandit',
      candidates: [2, 5],
      goal: { metric: 'bought' },
      bandit: { minutes: 0.01, floor: 10, discount: 1, end: { effect: 0.05, samples: 300, minutes: 0 } },
      guards: { errors: false, invalid: false, latency: false },
    });
    const seen = async (what: 'percent' | 'observations'): Promise<string> => {
      const all = await Promise.all(
        [one, other].map(async (server) =>
          items(await rolloutOf(server), 'arms').map((arm) => number(part(arm), what)),
        ),
      );
      return all.map((arms) => arms.join()).join(' ');
    };
    const tell = async (server: RolloutServer, arm: string, sum: number, count: number): Promise<void> => {
      const told = await server.rollouts.reportMetric({ model: 'scores', metric: 'bought', arm, sum, count });
      assert.equal(told['counted'], 1);
    };
    // Both know the bandit, and all of its versions have a part.
    await eventually(async () => !/(^| )0|,0|100/.test(await seen('percent')));
    // One hears of version 5 alone, and the other of the rest.
    await Promise.all([tell(one, 'v5', 100, 100), tell(other, 'v1', 0, 100), tell(other, 'v2', 0, 100)]);
    await eventually(async () => (await seen('observations')) === '100,100,100 100,100,100');
    await eventually(async () => (await seen('percent')) === '10,10,80 10,10,80');
    await other.command('pause', 'scores');
    await eventually(async () => (await rolloutOf(one))['phase'] === 'paused');
    const best = (await usersOf('v5', 120)).length;
    assert.ok(best < 200, `${best} of 200 users`);
    await one.command('resume', 'scores');
    await Promise.all([tell(other, 'v5', 150, 200), tell(one, 'v1', 10, 200), tell(other, 'v2', 0, 200)]);
    await eventually(async () => (await seen('percent')) === '0,0,100 0,0,100');
    const history = await other.command('history', 'scores');
    assert.match(history, /controller +promoted +no other version is better than v5 by more than 0\.05/);
    assert.equal(await seen('observations'), '300,300,300 300,300,300');
  });

  test('are told to pause or abort through any of them, and another one decides when the first is gone', async () => {
    await one.start({ ...quick, candidate: 5, steps: [10, 100], samples: 1_000_000 });
    await eventually(async () => (await percents()) === '10,10');
    await other.command('pause', 'scores', '--why', 'lunch');
    await eventually(async () => (await rolloutOf(one))['phase'] === 'paused');
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
    await eventually(async () => (await other.command('abort', 'scores')) !== '');
    await eventually(async () => (await percentOf(one)) === 0);
  });
});
