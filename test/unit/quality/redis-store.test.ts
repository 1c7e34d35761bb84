import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '../../../src/inference/logger.ts';
import { KeptPrediction } from '../../../src/quality/kept-predictions.ts';
import { RedisQualityStore } from '../../../src/quality/redis-store.ts';

test('a Redis that does not answer holds so many predictions back, and not more', async () => {
  const answers: (() => void)[] = [];
  let held = 0;
  const later = (chars: number): Promise<void> => {
    held += chars;
    return new Promise((resolve) => answers.push(resolve));
  };
  const store = new RedisQualityStore({
    redis: {
      get: () => Promise.resolve(null),
      set: (_key, value) => later(value.length),
      remove: () => later(0),
      run: () => Promise.resolve(null),
      async [Symbol.asyncDispose]() {},
    },
    prefix: 'p',
    replica: 'a',
    logger: silentLogger,
  });
  const name = { model: 'm', version: '1', fingerprint: 'f' };
  const { keeper } = store.predictions(name, { keepRequests: 10_000, keepMs: 1000 });
  const rows = Array.from(
    { length: 64 },
    () => ({ kind: 'class', value: 'x'.repeat(256), confidence: 1, probabilities: undefined }) as const,
  );
  for (let i = 0; i < 2000; i++) keeper.keep(new KeptPrediction(`k${i}`, rows, 0));
  assert.ok(answers.length < 1500);
  assert.ok(held < 17 << 20);
  const before = answers.length;
  for (const answer of answers) answer();
  await new Promise((resolve) => setImmediate(resolve));
  keeper.keep(new KeptPrediction('again', rows, 0));
  assert.equal(answers.length, before + 1);
});
