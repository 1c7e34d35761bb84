import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeldModels, valuesOf } from '../support/held-model.ts';

const cached = 'max_batch_size: 8 dynamic_batching { } response_cache { enable: true }';
const timeout = 240_000;

test(
  'an equal request is answered again, says so, and is counted as Triton counts it',
  { timeout },
  async () => {
    await using models = await HeldModels.start({ cached });
    const first = await models.infer('cached', { values: [3] });
    const second = await models.infer('cached', { values: [3] });
    const other = await models.infer('cached', { values: [4] });
    assert.deepEqual([first, second, other].map(valuesOf), [[3], [3], [4]]);
    assert.deepEqual(
      [first, second, other].map(({ parameters }) => parameters['cache_hit']),
      [undefined, true, undefined],
    );
    const [counted] = await models.client.statistics('cached');
    assert.deepEqual([counted?.success.count, counted?.inferenceCount, counted?.executionCount], [3, 2, 2]);
    assert.deepEqual(
      [counted?.cacheHit.count, counted?.cacheMiss.count, counted?.computeInfer.count],
      [1, 2, 2],
    );
    assert.equal(await models.reading('cached', 'nv_cache_num_hits_per_model'), 1);
    assert.equal(await models.reading('cached', 'nv_cache_num_misses_per_model'), 2);
    assert.equal(await models.reading('cached', 'tensorgate_cache_entries'), 2);
  },
);

test('a thousand equal requests at once are exactly one execution', { timeout }, async () => {
  await using models = await HeldModels.start({ cached });
  const answers = await Promise.all(
    Array.from({ length: 1000 }, () => models.infer('cached', { values: [20_000] })),
  );
  assert.ok(answers.every((answer) => valuesOf(answer)[0] === 20_000));
  const [counted] = await models.client.statistics('cached');
  assert.deepEqual([counted?.executionCount, counted?.inferenceCount, counted?.success.count], [1, 1, 1000]);
  assert.equal(counted?.cacheHit.count, 999);
});

test(
  'rows of a model with row_independent are computed once, whatever request they come in',
  { timeout },
  async () => {
    const rows = `${cached} parameters { key: "row_independent" value: { string_value: "true" } }`;
    await using models = await HeldModels.start({ cached: rows });
    assert.deepEqual(valuesOf(await models.infer('cached', { values: [3, 4, 3] })), [3, 4, 3]);
    assert.equal(await models.executedRows('cached'), 2);
    assert.deepEqual(valuesOf(await models.infer('cached', { values: [4, 5] })), [4, 5]);
    assert.equal(await models.executedRows('cached'), 3);
    const many = Array.from({ length: 20 }, (_, index) => 3 + (index % 4));
    assert.deepEqual(valuesOf(await models.infer('cached', { values: many })), many);
    assert.equal(await models.executedRows('cached'), 4);
    const found = await models.infer('cached', { values: [6, 5] });
    assert.equal(found.parameters['cache_hit'], true);
    assert.equal(await models.reading('cached', 'tensorgate_cache_rows_total', 'outcome="computed"'), 4);
  },
);

test('the first of many that gives up does not take the others along', { timeout }, async () => {
  await using models = await HeldModels.start({ cached });
  const held = await models.hold('cached');
  const leaving = new AbortController();
  const first = models.infer('cached', { values: [7], signal: leaving.signal });
  await models.until('cached', 'tensorgate_queue_requests', 1);
  const second = models.infer('cached', { values: [7] });
  while ((await models.reading('cached', 'tensorgate_cache_requests_total', 'outcome="joined"')) < 1);
  leaving.abort();
  await assert.rejects(first);
  await held.release();
  assert.deepEqual(valuesOf(await second), [7]);
});

for (const [what, args] of [
  ['two I/O threads', ['--io-threads', '2']],
  ['the reference transport', ['--grpc-transport', 'grpc-js']],
] as const) {
  test(`with ${what} equal requests of one connection are answered again`, { timeout }, async () => {
    await using models = await HeldModels.start({ cached }, args);
    await models.infer('cached', { values: [3] });
    const again = await models.infer('cached', { values: [3] });
    assert.equal(again.parameters['cache_hit'], true);
    const [counted] = await models.client.statistics('cached');
    assert.deepEqual([counted?.cacheHit.count, counted?.executionCount], [1, 1]);
  });
}

test('without memory for it, a model that asks for a cache is computed each time', { timeout }, async () => {
  await using models = await HeldModels.start({ cached }, ['--cache-max-bytes', '0']);
  await models.infer('cached', { values: [3] });
  const again = await models.infer('cached', { values: [3] });
  assert.equal(again.parameters['cache_hit'], undefined);
});
