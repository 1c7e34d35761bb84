import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Redis } from 'ioredis';
import { noDelta, type RolloutDelta } from '../../src/rollouts/arm-delta.ts';
import { RedisStore } from '../../src/rollouts/redis-store.ts';
import type { Exchanged, Place, Places } from '../../src/rollouts/rollout-store.ts';
import { redisProgram, RedisServer } from '../support/redis-server.ts';

const nothing: Places = { heard: undefined, kept: undefined };

function counted(requests: number): readonly RolloutDelta[] {
  return [{ model: 'm', experiment: 'e', arms: [{ ...noDelta, requests }] }];
}

/** Requests of each text. */
function heardOf({ told }: Exchanged): readonly (number | undefined)[] {
  return told.map(({ deltas }) => deltas[0]?.arms[0]?.requests);
}

function placeOf({ log, told }: Exchanged): Place {
  return { log, at: told.at(-1)?.at ?? 0 };
}

/** A replica of which the test says when it decides: a lease ends when it ends. */
class Replica {
  readonly #client: Redis;
  readonly #store: RedisStore;
  #id = '';

  constructor(client: Redis) {
    this.#client = client;
    this.#store = new RedisStore(
      {
        run: (script, keys, values) => {
          this.#id = String(values[0]);
          return client.eval(script, keys.length, ...keys, ...values);
        },
        async [Symbol.asyncDispose]() {},
      },
      'p',
    );
  }

  async lead(deltas: readonly RolloutDelta[], places = nothing): Promise<Exchanged> {
    await this.#client.del('{p:rollouts}:leader');
    const exchanged = await this.#store.exchange(deltas, places);
    assert.equal(exchanged.leading, true);
    return exchanged;
  }

  async follow(deltas: readonly RolloutDelta[]): Promise<void> {
    await this.#client.set('{p:rollouts}:leader', `not ${this.#id}`);
    const { leading, told } = await this.#store.exchange(deltas, nothing);
    assert.deepEqual([leading, told], [false, []]);
  }
}

test(
  'a Redis tells what was counted to whoever decides until it is kept, and drops it then',
  { skip: redisProgram.skip, timeout: 120_000 },
  async () => {
    await using redis = await RedisServer.start();
    const client = new Redis(redis.port);
    try {
      const [one, other] = [new Replica(client), new Replica(client)];
      const first = await one.lead(counted(1));
      assert.deepEqual(heardOf(first), [1]);
      await other.follow(counted(2));
      // Only what the first text said is kept; the rest is in the memory of who decides.
      const kept = placeOf(first);
      const second = await one.lead(counted(3), { heard: kept, kept });
      assert.deepEqual(heardOf(second), [2, 3]);
      assert.deepEqual(heardOf(await one.lead([], { heard: placeOf(second), kept })), []);
      // It stands still for longer than its lease, and another one goes on from what is kept.
      const again = await other.lead(counted(4), { heard: kept, kept });
      assert.deepEqual(heardOf(again), [2, 3, 4]);
      const all = { heard: placeOf(again), kept: placeOf(again) };
      assert.equal(all.heard.at, 4);
      assert.deepEqual(heardOf(await other.lead([], all)), []);
      assert.equal(await client.llen('{p:rollouts}:told'), 0);
      const last = await other.lead(counted(5), all);
      assert.deepEqual([heardOf(last), placeOf(last).at], [[5], 5]);
      // A Redis that has lost its memory begins another log, of which all is news.
      await client.flushall();
      const anew = await other.lead(counted(6), { heard: placeOf(last), kept: placeOf(last) });
      assert.notEqual(anew.log, last.log);
      assert.deepEqual([heardOf(anew), placeOf(anew).at], [[6], 1]);
    } finally {
      client.disconnect();
    }
  },
);
