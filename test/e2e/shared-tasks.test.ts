import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ServingError } from '../../src/errors.ts';
import type { CallContext } from '../../src/inference/call-context.ts';
import { silentLogger } from '../../src/inference/logger.ts';
import type { RunPayload, SharedTasks, SharedWork, Task } from '../../src/inference/task.ts';
import { openTaskHub } from '../../src/tasks/open-task-hub.ts';
import { sharedTaskLimits, type SharedTaskLimits } from '../../src/tasks/redis-tasks.ts';
import { workerPace } from '../../src/tasks/task-worker.ts';
import { systemClock } from '../../src/util/clock.ts';
import { eventually, redisProgram, RedisServer } from '../support/redis-server.ts';
import { RepositoryFolder } from '../support/repository-folder.ts';
import { startServer } from '../support/start-server.ts';

const examples = join(import.meta.dirname, '..', '..', 'examples', 'processing');
const iris = readFileSync(join(examples, 'describe_iris', '1', 'model.onnx'));

const work = (text: string): SharedWork => ({
  owner: 'ada',
  weight: 1,
  deadlineAt: Infinity,
  payload: Buffer.from(text),
});

describe('tasks that servers share', { skip: redisProgram.skip, timeout: 240_000 }, () => {
  let redis: RedisServer;
  let nextPrefix = 0;
  before(async () => {
    redis = await RedisServer.start();
  });
  after(() => redis[Symbol.asyncDispose]());

  /** A server's part; quicker than in use, so that nobody waits. Who stands still for a while is not gone, where not said otherwise. */
  async function member(
    run: RunPayload,
    prefix: string,
    {
      limits = {},
      ready = () => true,
      goneMs = 60_000,
    }: { limits?: Partial<SharedTaskLimits>; ready?: () => boolean; goneMs?: number } = {},
  ) {
    const hub = await openTaskHub({
      url: `redis://${redis.address}`,
      prefix,
      clock: systemClock,
      logger: silentLogger,
      limits: { ...sharedTaskLimits, ...limits },
      pace: { ...workerPace, mostAtATime: 4, blockMs: 200, beatMs: 50, goneMs },
    });
    const tasks = hub.join({ run, ready });
    await eventually(async () =>
      tasks.find('00000000-0000-0000-0000-000000000000', 'ada').then(Boolean, isNotFound),
    );
    return { tasks, [Symbol.asyncDispose]: () => hub[Symbol.asyncDispose]() };
  }

  function isNotFound(error: unknown): boolean {
    return error instanceof ServingError && error.code === 'not_found';
  }

  const echo: RunPayload = (payload) => Promise.resolve(JSON.stringify(payload.toString()));
  const never: RunPayload = () => new Promise(() => undefined);
  const prefix = (): string => `t${nextPrefix++}`;

  async function ended(tasks: SharedTasks, { id }: Task): Promise<Task> {
    let task = await tasks.find(id, 'ada');
    await eventually(async () => {
      task = await tasks.find(id, 'ada');
      return task.outcome.state !== 'pending';
    });
    return task;
  }

  test('every server tells of a task, whichever did it, and only to its caller', async () => {
    const name = prefix();
    await using one = await member(echo, name);
    await using other = await member(echo, name);
    const begun = await Promise.all(Array.from({ length: 20 }, (_, at) => one.tasks.start(work(`${at}`))));
    for (const [at, task] of begun.entries()) {
      const { outcome, expiresAt, finishedAt } = await ended(other.tasks, task);
      assert.deepEqual(outcome, { state: 'succeeded', text: `"${at}"` });
      assert.equal(expiresAt, (finishedAt ?? 0) + 600_000);
    }
    await assert.rejects(other.tasks.find(begun[0]!.id, 'eve'), { reason: 'TASK_NOT_FOUND' });
    await assert.rejects(other.tasks.cancel(begun[0]!.id, 'eve'), { reason: 'TASK_NOT_FOUND' });
    assert.equal((await other.tasks.cancel(begun[0]!.id, 'ada')).outcome.state, 'succeeded');
    await assert.rejects(one.tasks.find(begun[0]!.id, 'ada'), { reason: 'TASK_NOT_FOUND' });
  });

  test('binary payloads and their limits arrive whole', async () => {
    const name = prefix();
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, at) => at));
    await using one = await member((payload) => Promise.resolve(String(payload.equals(bytes))), name);
    const task = await one.tasks.start({ ...work(''), payload: bytes });
    assert.deepEqual((await ended(one.tasks, task)).outcome, { state: 'succeeded', text: 'true' });
  });

  test('a failure is told with its code and its reason', async () => {
    await using one = await member(() => {
      throw new ServingError('not_found', 'no model', { reason: 'MODEL_NOT_FOUND' });
    }, prefix());
    const { outcome } = await ended(one.tasks, await one.tasks.start(work('')));
    assert.ok(outcome.state === 'failed');
    assert.deepEqual([outcome.error.code, outcome.error.reason], ['not_found', 'MODEL_NOT_FOUND']);
  });

  test('a server whose models are not there yet leaves tasks to others', async () => {
    const name = prefix();
    const early: RunPayload = () => Promise.reject(new ServingError('not_found', 'no model yet'));
    await using starting = await member(early, name, { ready: () => false });
    const tasks = await Promise.all(
      Array.from({ length: 5 }, (_, at) => starting.tasks.start(work(`${at}`))),
    );
    await using other = await member(echo, name);
    for (const task of tasks) assert.equal((await ended(other.tasks, task)).outcome.state, 'succeeded');
  });

  test('what a model sheds is tried again, and what it refuses is not', async () => {
    const codes: string[] = [];
    const run: RunPayload = (payload) => {
      const code = payload.toString() === 'wrong' ? 'invalid_argument' : 'resource_exhausted';
      codes.push(code);
      if (codes.filter((other) => other === code).length > 2) return Promise.resolve('1');
      return Promise.reject(new ServingError(code, code, { retryAfterMs: 1 }));
    };
    await using one = await member(run, prefix());
    const wrong = await ended(one.tasks, await one.tasks.start(work('wrong')));
    const shed = await ended(one.tasks, await one.tasks.start(work('shed')));
    assert.deepEqual([wrong.outcome.state, shed.outcome.state], ['failed', 'succeeded']);
    assert.equal(codes.length, 4);
  });

  test('a task is cancelled from any server, and its work hears of it', async () => {
    const name = prefix();
    const begun = Promise.withResolvers<void>();
    const cancelled = Promise.withResolvers<void>();
    const run: RunPayload = (_, call: CallContext) => {
      call.onCancelled(() => cancelled.resolve());
      begun.resolve();
      return new Promise(() => undefined);
    };
    await using one = await member(run, name);
    const task = await one.tasks.start(work(''));
    await using other = await member(run, name);
    await begun.promise;
    const { outcome } = await other.tasks.cancel(task.id, 'ada');
    assert.equal(outcome.state, 'cancelled');
    await cancelled.promise;
    assert.equal((await one.tasks.find(task.id, 'ada')).outcome.state, 'cancelled');
  });

  test('a task whose deadline passes fails', async () => {
    const run: RunPayload = (_, call) =>
      new Promise((_resolve, reject) => {
        call.onCancelled(() => reject(new ServingError('cancelled', 'gone')));
      });
    await using one = await member(run, prefix());
    const task = await one.tasks.start({ ...work(''), deadlineAt: systemClock.epochMs() + 100 });
    const { outcome } = await ended(one.tasks, task);
    assert.ok(outcome.state === 'failed' && outcome.error.code === 'deadline_exceeded');
  });

  test('what a stopping server has begun is done by another at once', async () => {
    const name = prefix();
    const one = await member(never, name);
    const task = await one.tasks.start(work('left'));
    await eventually(async () => redis.use(async (client) => Number((await pending(client, name))[0]) === 1));
    await one[Symbol.asyncDispose]();
    await using other = await member(echo, name);
    assert.deepEqual((await ended(other.tasks, task)).outcome, { state: 'succeeded', text: '"left"' });
  });

  function pending(
    client: Parameters<Parameters<RedisServer['use']>[0]>[0],
    name: string,
  ): Promise<unknown[]> {
    return client.xpending(`{${name}:tasks}:queue`, 'servers');
  }

  test('a task over which its servers end fails instead of being tried for ever', async () => {
    const name = prefix();
    await using one = await member(never, name);
    const task = await one.tasks.start(work(''));
    await eventually(async () => redis.use(async (client) => Number((await pending(client, name))[0]) === 1));
    // It says that it works on it, until it is told to be gone.
    await one[Symbol.asyncDispose]();
    await redis.use((client) => client.hset(`{${name}:tasks}:task:${task.id}`, 'attempts', 3));
    await using other = await member(never, name, { goneMs: 600 });
    const { outcome } = await ended(other.tasks, task);
    assert.ok(outcome.state === 'failed' && outcome.error.reason === 'TASK_LOST');
  });

  test('there is room for so many tasks and bytes, and it comes back', async () => {
    const name = prefix();
    await using one = await member(never, name, { limits: { maxTasks: 3, maxBytes: 100 } });
    const tasks = [await one.tasks.start(work('a'.repeat(60)))];
    await assert.rejects(one.tasks.start(work('b'.repeat(60))), { reason: 'TASKS_FULL', retryAfterMs: 1000 });
    await assert.rejects(one.tasks.start(work('b'.repeat(101))), { reason: 'TASK_TOO_LARGE' });
    tasks.push(await one.tasks.start(work('')), await one.tasks.start(work('')));
    await assert.rejects(one.tasks.start(work('')), { reason: 'TASKS_FULL' });
    for (const { id } of tasks) {
      await one.tasks.cancel(id, 'ada');
      await one.tasks.cancel(id, 'ada');
    }
    await one.tasks.cancel((await one.tasks.start(work('b'.repeat(60)))).id, 'ada');
    const left = await redis.use((client) => client.get(`{${name}:tasks}:bytes`));
    assert.equal(left, '0');
  });

  test('a finished task expires, and its room comes back', async () => {
    const name = prefix();
    await using one = await member(echo, name, { limits: { maxTasks: 1, keepMs: 300 } });
    const task = await one.tasks.start(work(''));
    await eventually(async () => one.tasks.find(task.id, 'ada').then(() => false, isNotFound));
    await one.tasks.start(work(''));
    const keys = await redis.use((client) => client.xlen(`{${name}:tasks}:queue`));
    assert.ok(keys <= 1);
  });

  test('without Redis tasks are refused with advice to retry, and taken again once it is back', async () => {
    const name = prefix();
    await using one = await member(echo, name);
    await redis.kill();
    await eventually(async () =>
      one.tasks.start(work('')).then(
        () => false,
        () => true,
      ),
    );
    await assert.rejects(one.tasks.start(work('')), { code: 'unavailable', reason: 'TASKS_UNREACHABLE' });
    await redis.restart();
    let task: Task | undefined;
    await eventually(async () => (task = await one.tasks.start(work('again'))) !== undefined);
    assert.deepEqual((await ended(one.tasks, task!)).outcome, { state: 'succeeded', text: '"again"' });
  });
});

interface TaskReply {
  readonly task_id: string;
  readonly state: string;
  readonly result?: { readonly prediction: unknown };
}

async function ask(address: string, path: string, body?: object): Promise<TaskReply> {
  const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  const reply = await fetch(`http://${address}${path}`, { ...init, signal: AbortSignal.timeout(60_000) });
  return (await reply.json()) as TaskReply;
}

test(
  'a task outlives the server that was killed while it worked on it, and I/O threads share tasks too',
  { skip: redisProgram.skip, timeout: 240_000 },
  async () => {
    await using redis = await RedisServer.start();
    using folder = new RepositoryFolder();
    folder.put('iris/1/model.onnx', iris);
    folder.put(
      'iris/config.pbtxt',
      'parameters { key: "processing_timeout_ms" value { string_value: "60000" } }',
    );
    // Slow on the server that says so.
    folder.put(
      'iris/processing.mjs',
      `export async function preprocess({ features }) {
         if (process.env.SLOW === '1') await new Promise((resolve) => setTimeout(resolve, 30_000));
         return { features };
       }`,
    );
    const args = ['--allow-processing-modules', '--task-redis', `redis://${redis.address}`];
    const slow = await startServer({ repository: folder.path, args, env: { SLOW: '1' } });
    const features = [6.2, 3.4, 5.4, 2.3];
    let begun: TaskReply = { task_id: '', state: '' };
    await eventually(async () => {
      begun = await ask(slow.httpAddress, '/v1/models/iris/predict/async', { features });
      return begun.state === 'pending';
    });
    const queue = '{tensorgate:tasks}:queue';
    await eventually(() =>
      redis.use(async (client) => Number((await client.xpending(queue, 'servers'))[0]) === 1),
    );
    process.kill(slow.pid, 'SIGKILL');
    await using quick = await startServer({ repository: folder.path, args: [...args, '--io-threads', '2'] });
    await eventually(async () => {
      const { state, result } = await ask(quick.httpAddress, `/v1/tasks/${begun.task_id}`);
      if (state === 'succeeded') assert.equal(typeof result?.prediction, 'number');
      return state === 'succeeded';
    });
    // Each question may meet another thread.
    const more = await ask(quick.httpAddress, '/v1/models/iris/predict/async', { features });
    for (let at = 0; at < 8; at++) {
      await eventually(
        async () => (await ask(quick.httpAddress, `/v1/tasks/${more.task_id}`)).state === 'succeeded',
      );
    }
  },
);
