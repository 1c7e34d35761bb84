import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServingError } from '../../src/errors.ts';
import { silentLogger } from '../../src/inference/logger.ts';
import type { SharedTasks, SharedWork, Task } from '../../src/inference/task.ts';
import type { RedisUrl } from '../../src/redis/redis-place.ts';
import { openTaskHub } from '../../src/tasks/open-task-hub.ts';
import { workerPace } from '../../src/tasks/task-worker.ts';
import { systemClock } from '../../src/util/clock.ts';
import { RedisCluster } from '../support/redis-cluster.ts';
import { RedisSentinels } from '../support/redis-sentinels.ts';
import { eventually, redisProgram } from '../support/redis-server.ts';

const options = { skip: redisProgram.skip, timeout: 240_000 };

/** A server's part, which answers a task with its payload; quicker than in use. */
async function member(plan: RedisUrl, prefix: string) {
  const hub = await openTaskHub({
    ...plan,
    prefix,
    clock: systemClock,
    logger: silentLogger,
    pace: { ...workerPace, blockMs: 200, beatMs: 50, goneMs: 600 },
  });
  const tasks = hub.join({ run: async (payload) => payload.toString(), ready: () => true });
  return { tasks, [Symbol.asyncDispose]: () => hub[Symbol.asyncDispose]() };
}

const work = (text: string): SharedWork => ({
  owner: 'ada',
  weight: 1,
  deadlineAt: Infinity,
  payload: Buffer.from(text),
});

/** Begins a task at one server once Redis takes it, and resolves once another tells that it has been done. */
async function done(one: SharedTasks, other: SharedTasks, text: string): Promise<void> {
  let task: Task | undefined;
  await eventually(async () => {
    task = await one.start(work(text)).catch(onlyUnreachable);
    return task !== undefined;
  });
  const { id } = task!;
  await eventually(async () => {
    const found = await other.find(id, 'ada').catch(onlyUnreachable);
    if (found?.outcome.state === 'succeeded') assert.equal(found.outcome.text, text);
    return found?.outcome.state === 'succeeded';
  });
}

function onlyUnreachable(error: unknown): undefined {
  if (error instanceof ServingError && error.reason === 'TASKS_UNREACHABLE') return undefined;
  throw error;
}

test('tasks go on when the master of Sentinels is gone', options, async () => {
  await using redis = await RedisSentinels.start();
  const hosts = redis.sentinels.map(({ address }) => address).join();
  const plan = { url: `redis://${hosts}`, mode: 'sentinel', sentinelName: 'mymaster' } as const;
  await using one = await member(plan, 't');
  await using other = await member(plan, 't');
  await done(one.tasks, other.tasks, 'before');
  await redis.master.kill();
  await done(other.tasks, one.tasks, 'after');
});

test('tasks go on when their node of a cluster is gone', options, async () => {
  await using redis = await RedisCluster.start();
  const [first] = redis.masters;
  assert.ok(first !== undefined);
  // It has the first third of all slots, and a replica.
  let prefix = '';
  for (let number = 0; prefix === ''; number++) {
    const slot = await first.use((client) => client.call('CLUSTER', 'KEYSLOT', `{t${number}:tasks}`));
    if (Number(slot) < 5000) prefix = `t${number}`;
  }
  const hosts = redis.masters.map(({ address }) => address).join();
  const plan = { url: `redis://${hosts}`, mode: 'cluster' } as const;
  await using one = await member(plan, prefix);
  await using other = await member(plan, prefix);
  await done(one.tasks, other.tasks, 'before');
  await first.kill();
  await done(other.tasks, one.tasks, 'after');
});
