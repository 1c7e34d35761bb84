import assert from 'node:assert/strict';
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Redis } from 'ioredis';
import { silentLogger } from '../../src/inference/logger.ts';
import { RedisQualityStore } from '../../src/quality/redis-store.ts';
import { redisProgram, RedisServer } from '../support/redis-server.ts';
import { startServer, type RunningServer } from '../support/start-server.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

const iris = join(import.meta.dirname, '..', '..', 'examples', 'models', 'iris');

const modelFile = `
classes: [setosa, versicolor, virginica]
monitoring:
  feedback: {}
`;

interface Report {
  readonly versions: readonly { readonly feedback: { readonly accepted: number } }[];
}

const none = { accepted: 0, unknown: 0, repeated: 0, unfitting: 0 };

test(
  'labels come to any server of one Redis, once, and its counts go to whoever follows',
  {
    skip: redisProgram.skip,
  },
  async () => {
    using folder = new TemporaryFolder();
    cpSync(iris, join(folder.path, 'iris'), { recursive: true });
    writeFileSync(join(folder.path, 'iris', 'model.yaml'), modelFile);
    await using redis = await RedisServer.start();
    const args = ['--quality-store', 'redis', '--cache-redis', redis.address];
    const start = (): Promise<RunningServer> => startServer({ repository: join(folder.path, 'iris'), args });
    const call = async ({ httpAddress }: RunningServer, path: string, body?: object): Promise<unknown> => {
      const about = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
      return (await fetch(`http://${httpAddress}/v2/models/iris${path}`, about)).json();
    };
    const infer = (server: RunningServer, id: string): Promise<unknown> =>
      call(server, '/infer', {
        id,
        inputs: [{ name: 'features', datatype: 'FP32', shape: [1, 4], data: [5.1, 3.5, 1.4, 0.2] }],
      });
    const label = (server: RunningServer, id: string): Promise<unknown> =>
      call(server, '/feedback', { id, label: 'setosa' });
    const accepted = async (server: RunningServer): Promise<number | undefined> =>
      ((await call(server, '/quality')) as Report).versions[0]?.feedback.accepted;
    /** The answer is written before the prediction is. */
    const keys = async (count: number): Promise<void> => {
      while ((await redis.use((client) => client.keys('*quality:kept:*'))).length < count);
    };

    const first = await start();
    await using second = await start();
    await infer(first, 'a');
    await infer(first, 'b');
    await keys(2);
    assert.deepEqual(await label(second, 'a'), { ...none, accepted: 1 });
    assert.deepEqual(await label(first, 'a'), { ...none, repeated: 1 });
    assert.deepEqual(await label(second, 'nobody'), { ...none, unknown: 1 });
    const ttlMs = await redis.use(async (client) => client.pttl((await client.keys('*kept*'))[0] ?? ''));
    assert.ok(ttlMs > 0 && ttlMs <= 168 * 3_600_000, `${ttlMs}`);
    const together = await Promise.all([label(first, 'b'), label(second, 'b')]);
    assert.deepEqual(
      together.map((counts) => (counts as typeof none).accepted).toSorted((a, b) => a - b),
      [0, 1],
    );
    const counted = await accepted(first);
    await infer(first, 'c');
    await keys(3);
    assert.equal(await first.stop(), 0);

    await using third = await start();
    assert.equal(await accepted(third), counted);
    assert.deepEqual(await label(third, 'c'), { ...none, accepted: 1 });

    await redis.kill();
    await infer(second, 'd');
    assert.deepEqual(await label(second, 'd'), { ...none, accepted: 1 });
    assert.deepEqual(await label(second, 'd'), { ...none, repeated: 1 });
    assert.deepEqual(await label(second, 'c'), { ...none, unknown: 1 });
    await second.printed(/the Redis of quality does not answer/);
  },
);

test(
  'a server goes on with what one that has ended counted, and only takes the reference of one that goes on',
  {
    skip: redisProgram.skip,
  },
  async () => {
    await using redis = await RedisServer.start();
    const open = (replica: string): RedisQualityStore => {
      const client = new Redis(redis.port, '127.0.0.1');
      return new RedisQualityStore({
        redis: {
          get: (key) => client.get(key),
          set: (key, value, ttlMs) => client.set(key, value, 'PX', ttlMs),
          remove: (key) => client.unlink(key),
          run: (script, keys, values) => client.eval(script, keys.length, ...keys, ...values),
          [Symbol.asyncDispose]: () => Promise.resolve(client.disconnect()),
        },
        prefix: 'test',
        replica,
        logger: silentLogger,
      });
    };
    const name = { model: 'm', version: '1', fingerprint: 'f' };
    const one = open('one');
    await using two = open('two');
    assert.equal(await one.load(name), undefined);
    await one.save(name, 'of one');
    assert.deepEqual(await one.load(name), { text: 'of one', isOwn: true });
    assert.deepEqual(await two.load(name), { text: 'of one', isOwn: false });
    assert.equal(await two.load({ ...name, fingerprint: 'other' }), undefined);
    await one[Symbol.asyncDispose]();
    assert.deepEqual(await two.load(name), { text: 'of one', isOwn: true });
    await two.save(name, 'of two');
    await using three = open('three');
    assert.deepEqual(await three.load(name), { text: 'of two', isOwn: false });
    // As if it had not been heard of for more than a minute.
    await redis.use(async (client) => {
      const [seen = ''] = await client.keys('*:seen');
      await client.hset(seen, 'two', Date.now() - 61_000);
    });
    assert.deepEqual(await three.load(name), { text: 'of two', isOwn: true });
  },
);
