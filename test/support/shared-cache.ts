import assert from 'node:assert/strict';
import { HeldModels, valuesOf } from './held-model.ts';

/** Of a request: it takes some 20 ms, many times what a Redis on the same machine needs to answer. */
export const rounds = 2000;

/** So long that no machine is too busy for Redis to answer meanwhile. */
export const patient: readonly string[] = ['--cache-redis-budget', '1000'];

/** Something that keeps what servers share. */
export interface Keeper {
  holds(bytes: Buffer): Promise<boolean>;
}

/** A server with the model `cached`, which computes as many rounds as a request says and answers that number. */
export function startCached(args: readonly string[]): Promise<HeldModels> {
  const cached = 'max_batch_size: 8 dynamic_batching { } response_cache { enable: true }';
  return HeldModels.start({ cached }, args);
}

/** As `startCached`, with a connection to Redis that is worth asking. */
export async function startConnected(args: readonly string[]): Promise<HeldModels> {
  const models = await startCached(args);
  await untilConnected(models);
  return models;
}

/** Requests of one row each, one after the other: all have to be answered, and rightly. */
export async function ask(models: HeldModels, first: number, count = 12): Promise<void> {
  for (let value = first; value < first + count; value++) {
    assert.deepEqual(valuesOf(await models.infer('cached', { values: [value] })), [value]);
  }
}

/** Whether a request is answered by what was computed before, here or elsewhere; the answer has to be right. */
export async function found(models: HeldModels, value: number): Promise<boolean> {
  const answer = await models.infer('cached', { values: [value] });
  assert.deepEqual(valuesOf(answer), [value]);
  return answer.parameters['cache_hit'] === true;
}

export function outcome(models: HeldModels, word: string): Promise<number> {
  return models.reading('cached', 'tensorgate_cache_requests_total', `outcome="${word}"`);
}

export function event(models: HeldModels, word: string): Promise<number> {
  return models.reading('cached', 'tensorgate_cache_shared_events_total', `event="${word}"`);
}

export async function isOff(models: HeldModels): Promise<boolean> {
  return (await models.reading('cached', 'tensorgate_cache_shared_off')) === 1;
}

let asked = 0;

/** A number that no request has said yet, below those that tests choose. */
function newNumber(): number {
  asked += 1;
  return rounds / 2 + asked;
}

/** Asks new things until Redis is asked as well. The test's time limit ends it otherwise. */
export async function untilConnected(models: HeldModels): Promise<void> {
  do await ask(models, newNumber(), 1);
  while (await isOff(models));
}

/** Asks new things until Redis is left alone. */
export async function untilOff(models: HeldModels, first: number): Promise<void> {
  for (let value = first; !(await isOff(models)); value++) await ask(models, value, 1);
}

/** Asks new things until Redis has the answer to one of them, and says which. */
export async function untilKept(models: HeldModels, redis: Keeper, first: number): Promise<number> {
  for (let value = first; ; value++) {
    await ask(models, value, 1);
    const answer = Buffer.from(Float32Array.of(value).buffer);
    for (let looks = 0; looks < 20; looks++) {
      // Sentinels end the connections of a replica that becomes a master: what cannot be seen yet is not there yet.
      if (await redis.holds(answer).catch(() => false)) return value;
    }
  }
}
