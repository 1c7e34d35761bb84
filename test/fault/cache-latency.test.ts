import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeldModels, valuesOf } from '../support/held-model.ts';
import { redisProgram, RedisServer } from '../support/redis-server.ts';
import { ask, event, rounds, untilConnected } from '../support/shared-cache.ts';
import { SlowProxy } from '../support/slow-proxy.ts';

const budgetMs = 20;

/** Latencies in ascending order. */
class Latencies {
  readonly #ms: number[] = [];

  add(ms: number): void {
    this.#ms.push(ms);
  }

  percentile(share: number): number {
    const sorted = this.#ms.toSorted((a, b) => a - b);
    return sorted[Math.ceil(share * sorted.length) - 1] ?? NaN;
  }

  toString(): string {
    return `p50 ${this.percentile(0.5).toFixed(1)} ms, p99 ${this.percentile(0.99).toFixed(1)} ms`;
  }
}

test(
  'with a Redis that takes five seconds requests take as long as without a cache, and some the budget more',
  { skip: redisProgram.skip, timeout: 240_000 },
  async (t) => {
    await using redis = await RedisServer.start();
    await using proxy = await SlowProxy.start(redis.port);
    const configs = {
      cached: 'max_batch_size: 8 response_cache { enable: true }',
      hold: 'max_batch_size: 8',
    };
    const args = ['--cache-redis', proxy.address, '--cache-redis-budget', String(budgetMs)];
    await using models = await HeldModels.start(configs, args);
    await ask(models, rounds, 12);
    await untilConnected(models);
    proxy.delayMs = 5000;
    const latencies = { cached: new Latencies(), hold: new Latencies() };
    // In turn, so that both meet the same machine.
    for (let value = rounds + 100; value < rounds + 200; value++) {
      for (const [model, noted] of Object.entries(latencies)) {
        const startedAt = performance.now();
        assert.deepEqual(valuesOf(await models.infer(model, { values: [value] })), [value]);
        noted.add(performance.now() - startedAt);
      }
    }
    assert.ok((await event(models, 'timeout')) >= 1, 'Redis was never waited for');
    t.diagnostic(`with the cache ${latencies.cached.toString()}; without ${latencies.hold.toString()}`);
    // What the machine does beside may meet a few requests of either.
    for (const [share, besideMs] of [
      [0.5, 500],
      [0.99, 2000],
    ] as const) {
      const bar = 3 * latencies.hold.percentile(share) + budgetMs + besideMs;
      assert.ok(latencies.cached.percentile(share) <= bar, `of ${share}: more than ${bar} ms`);
    }
  },
);
