import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { ServingError } from '../errors.ts';
import { isNews, type RolloutDelta } from './arm-delta.ts';
import type { Exchanged, Places, RolloutStore } from './rollout-store.ts';
import { readStored, storedForm, type RolloutState } from './state.ts';

/** Redis, as far as rollouts need it. */
export interface ScriptRunner extends AsyncDisposable {
  /** Runs a script of Redis. Rejects when that is not possible now. */
  run(script: string, keys: readonly string[], values: readonly (string | number)[]): Promise<unknown>;
}

/** Whoever decides and is not heard of for so long is followed by another replica. */
const leaseMs = 2000;

/** Texts of deltas that wait for being kept; the oldest are dropped beyond that. */
const mostWaiting = 10_000;

const saveScript = `
if (redis.call('HGET', KEYS[2], ARGV[1]) or '-1') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[4])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
redis.call('INCR', KEYS[3])
return 1`;

const removeScript = `
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
return redis.call('INCR', KEYS[3])`;

const loadScript = `return {redis.call('GET', KEYS[2]) or '0', redis.call('HVALS', KEYS[1])}`;

const changeScript = `return redis.call('GET', KEYS[1]) or '0'`;

/**
 * One at a time decides: its lease is renewed by asking. What is told stays in a list until it is part of states that are kept; the
 * number of a text is that of all that were dropped before it and its place.
 */
const exchangeScript = `
local told, log, leader = KEYS[1], KEYS[2], KEYS[3]
local id = redis.call('HGET', log, 'id')
if not id then
  id = ARGV[5]
  redis.call('DEL', told)
  redis.call('HSET', log, 'id', id, 'dropped', 0)
end
local drop = 0
if ARGV[3] ~= '' then drop = redis.call('RPUSH', told, ARGV[3]) - ARGV[4] end
local leads = redis.call('GET', leader) or ARGV[1]
if leads == ARGV[1] then
  redis.call('SET', leader, ARGV[1], 'PX', ARGV[2])
  if ARGV[6] == id then drop = math.max(drop, ARGV[8] - redis.call('HGET', log, 'dropped')) end
end
if drop > 0 then
  drop = math.min(drop, redis.call('LLEN', told))
  redis.call('LTRIM', told, drop, -1)
  redis.call('HINCRBY', log, 'dropped', drop)
end
local dropped = tonumber(redis.call('HGET', log, 'dropped'))
if leads ~= ARGV[1] then return {0, id, 0, {}} end
local first = 0
if ARGV[6] == id then first = math.max(ARGV[7] - dropped, 0) end
return {1, id, dropped + first + 1, redis.call('LRANGE', told, first, -1)}`;

const count = z.number().min(0);
const arm = z.object({
  requests: count,
  failures: count,
  invalid: count,
  broken: count,
  compared: count,
  differed: count,
  dropped: count,
  durations: z.array(count),
  metrics: z.record(z.string(), z.object({ count, sum: count, squares: count })),
});
const exchangeAnswer = z.tuple([z.number(), z.string(), z.number(), z.array(z.string())]);
const delta = z.object({ model: z.string(), experiment: z.string(), arms: z.array(arm) });

/** Rollouts of all servers that use one Redis. */
export class RedisStore implements RolloutStore {
  readonly shared = true;
  readonly #redis: ScriptRunner;
  readonly #keys: Readonly<Record<'states' | 'revisions' | 'change' | 'told' | 'log' | 'leader', string>>;
  readonly #replica = randomUUID();
  #change = '0';
  /** As last seen: a Redis that has lost its memory is told again. */
  #known: readonly RolloutState[] = [];

  /** @param redis owned from here on. @param prefix what all names begin with. */
  constructor(redis: ScriptRunner, prefix: string) {
    this.#redis = redis;
    // Braces: one node of a cluster has all of them.
    const name = (what: string): string => `{${prefix}:rollouts}:${what}`;
    this.#keys = {
      states: name('states'),
      revisions: name('revisions'),
      change: name('change'),
      told: name('told'),
      log: name('log'),
      leader: name('leader'),
    };
  }

  async load(): Promise<readonly RolloutState[]> {
    const { states, change } = this.#keys;
    const answer = await this.#run(loadScript, [states, change], []);
    const [now, texts] = z.tuple([z.string(), z.array(z.string())]).parse(answer);
    this.#change = now;
    try {
      this.#known = texts.map((text) => readStored(JSON.parse(text)));
      return this.#known;
    } catch (cause) {
      throw new ServingError('failed_precondition', 'the rollouts in Redis are not of this version', {
        reason: 'ROLLOUT_STATE',
        cause,
      });
    }
  }

  async save(state: RolloutState, earlier: number): Promise<boolean> {
    const { states, revisions, change } = this.#keys;
    const text = JSON.stringify(storedForm(state));
    const values = [state.plan.model, earlier, state.revision, text];
    return (await this.#run(saveScript, [states, revisions, change], values)) === 1;
  }

  async remove(model: string): Promise<void> {
    const { states, revisions, change } = this.#keys;
    await this.#run(removeScript, [states, revisions, change], [model]);
  }

  async changes(): Promise<readonly RolloutState[] | undefined> {
    const now = await this.#run(changeScript, [this.#keys.change], []);
    if (now === this.#change) return undefined;
    // Every change counts up. Without what it knew, the newest version of each model would serve everybody.
    if (Number(now) < Number(this.#change)) for (const state of this.#known) await this.save(state, -1);
    return this.load();
  }

  async exchange(deltas: readonly RolloutDelta[], { heard, kept }: Places): Promise<Exchanged> {
    const news = deltas.filter(({ arms }) => arms.some(isNews));
    const text = news.length === 0 ? '' : JSON.stringify(news);
    const { told, log, leader } = this.#keys;
    // Of a log that is not the newest no place is known.
    const keptAt = kept?.log === heard?.log ? (kept?.at ?? 0) : 0;
    const places = [heard?.log ?? '', heard?.at ?? 0, keptAt];
    const values = [this.#replica, leaseMs, text, mostWaiting, randomUUID(), ...places];
    const answer = await this.#run(exchangeScript, [told, log, leader], values);
    const [leading, id, first, texts] = exchangeAnswer.parse(answer);
    if (leading !== 1) return { leading: false, log: id, told: [] };
    return {
      leading: true,
      log: id,
      told: texts.map((one, index) => ({ at: first + index, deltas: readDeltas(one) })),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#redis[Symbol.asyncDispose]();
  }

  async #run(
    script: string,
    keys: readonly string[],
    values: readonly (string | number)[],
  ): Promise<unknown> {
    try {
      return await this.#redis.run(script, keys, values);
    } catch (cause) {
      throw new ServingError('unavailable', 'the Redis in which rollouts are kept cannot be reached', {
        reason: 'ROLLOUT_STATE',
        retryAfterMs: 1000,
        cause,
      });
    }
  }
}

/** What another version of the server, or somebody else, has written there counts for nothing. */
function readDeltas(text: string): readonly RolloutDelta[] {
  try {
    return z.array(delta).parse(JSON.parse(text));
  } catch {
    return [];
  }
}
