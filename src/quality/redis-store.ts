import { createHash } from 'node:crypto';
import type { Logger } from '../inference/logger.ts';
import { mostStoredBytes } from './file-store.ts';
import type { KeptPrediction } from './kept-predictions.ts';
import type {
  PredictionBounds,
  PredictionKeeper,
  QualityStore,
  SharedPredictions,
  StoredName,
  StoredPredictions,
  StoredState,
} from './quality-store.ts';
import { readValue, valueOf } from './stored-prediction.ts';

/** Redis, as far as quality needs it; commands reject when that is not possible now. */
export interface QualityRedis extends AsyncDisposable {
  get(key: string): Promise<string | null>;
  set(key: string, value: string, ttlMs: number): Promise<unknown>;
  remove(key: string): Promise<unknown>;
  run(script: string, keys: readonly string[], values: readonly (string | number)[]): Promise<unknown>;
}

export interface RedisStoreOptions {
  /** Owned from here on. */
  readonly redis: QualityRedis;
  /** What all names begin with. */
  readonly prefix: string;
  /** By which this server is known after a restart. */
  readonly replica: string;
  readonly logger: Logger;
}

/** What a server has counted is kept for so long after it was last heard of. */
const stateMs = 7 * 24 * 3_600_000;

/** A server that has not saved for so long is gone, and another one may go on with what it had counted. */
const aliveMs = 60_000;

/** Commands under way; what comes while there are more is kept by this server alone. */
const mostUnderWay = 10_000;

/** Characters of predictions that they hold: a Redis that is slow must not fill the memory. */
const mostUnderWayChars = 16 << 20;

/** Milliseconds of epoch by Redis's clock, which all servers share. */
const timeOfRedis = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`;

/**
 * Own state; else the newest of a server that is gone, which is moved here: KEYS[2] has when each was last heard of, below 0 once
 * it has ended. Else a copy of anybody's, for its reference.
 */
const loadScript = `${timeOfRedis}
local own = redis.call('HGET', KEYS[1], ARGV[1])
local copy, heir, newest = false, false, -1
if not own then
  for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do
    local seen = tonumber(redis.call('HGET', KEYS[2], name) or '-1')
    local at = math.abs(seen)
    if now - at > tonumber(ARGV[3]) then
      redis.call('HDEL', KEYS[1], name)
      redis.call('HDEL', KEYS[2], name)
    elseif (seen < 0 or now - at > tonumber(ARGV[2])) and at > newest then
      heir, newest = name, at
    else
      copy = name
    end
  end
  if heir then
    own = redis.call('HGET', KEYS[1], heir)
    redis.call('HDEL', KEYS[1], heir)
    redis.call('HDEL', KEYS[2], heir)
    redis.call('HSET', KEYS[1], ARGV[1], own)
  end
end
if own then
  redis.call('HSET', KEYS[2], ARGV[1], string.format('%.0f', now))
  return {1, own}
end
return copy and {0, redis.call('HGET', KEYS[1], copy)} or false`;

const saveScript = `${timeOfRedis}
if ARGV[2] ~= '' then redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) end
redis.call('HSET', KEYS[2], ARGV[1], string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return redis.call('HEXISTS', KEYS[1], ARGV[1])`;

/** A server that ends lets others have what it had counted. */
const leaveScript = `${timeOfRedis}
return redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', -now))`;

const claimScript = `
local value = redis.call('GET', KEYS[1])
if not value or string.sub(value, -6) ~= 'false]' then return value and 0 or 1 end
redis.call('SET', KEYS[1], string.sub(value, 1, -7) .. 'true]', 'KEEPTTL')
return 1`;

/** The quality of models in Redis: predictions that all servers find labels for, and what each server has counted. */
export class RedisQualityStore implements QualityStore {
  readonly #options: RedisStoreOptions;
  readonly #saved = new Set<string>();
  #underWay = 0;
  #underWayChars = 0;
  #failing = false;

  constructor(options: RedisStoreOptions) {
    this.#options = options;
  }

  async load(name: StoredName): Promise<StoredState | undefined> {
    const { redis, replica } = this.#options;
    const answer = await this.#ask(redis.run(loadScript, this.#keys(name), [replica, aliveMs, stateMs]));
    if (!Array.isArray(answer)) return undefined;
    const [isOwn, text]: readonly unknown[] = answer;
    return typeof text === 'string' ? { text, isOwn: isOwn === 1 } : undefined;
  }

  async save(name: StoredName, text: string): Promise<boolean> {
    const { redis, replica, logger } = this.#options;
    if (text.length > mostStoredBytes) {
      logger.warn({ model: name.model, version: name.version }, 'its quality is too large to be kept');
      return true;
    }
    const keys = this.#keys(name);
    this.#saved.add(keys[1]);
    return (await this.#ask(redis.run(saveScript, keys, [replica, text, stateMs]))) !== undefined;
  }

  async unchanged(name: StoredName): Promise<boolean> {
    const { redis, replica } = this.#options;
    const keys = this.#keys(name);
    if (!this.#saved.has(keys[1])) return true;
    return (await this.#ask(redis.run(saveScript, keys, [replica, '', stateMs]))) !== 0;
  }

  predictions(name: StoredName, { keepMs }: PredictionBounds): StoredPredictions {
    const keyOf = (key: string): string => this.#predictionKey(name, key);
    const { redis } = this.#options;
    const keeper: PredictionKeeper = {
      keep: (kept) => {
        if (this.#isFull()) return;
        const value = valueOf(kept);
        this.#tell(redis.set(keyOf(kept.key), value, keepMs), value.length);
      },
      // Whoever labelled it has said so with its claim.
      label: () => undefined,
      forget: (kept) => {
        if (!this.#isFull()) this.#tell(redis.remove(keyOf(kept.key)), 0);
      },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
    const shared: SharedPredictions = {
      find: (key) => this.#find(keyOf(key), key),
      claim: async (key) => (await this.#ask(redis.run(claimScript, [keyOf(key)], []))) !== 0,
    };
    return { keeper, shared, restore: nothing };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { redis, replica } = this.#options;
    await Promise.all(Array.from(this.#saved, (key) => this.#ask(redis.run(leaveScript, [key], [replica]))));
    await redis[Symbol.asyncDispose]();
  }

  async #find(name: string, key: string): Promise<KeptPrediction | undefined> {
    const text = await this.#ask(this.#options.redis.get(name));
    return typeof text === 'string' ? readValue(text, key) : undefined;
  }

  #isFull(): boolean {
    return this.#underWay >= mostUnderWay || this.#underWayChars >= mostUnderWayChars;
  }

  /** Nobody waits for it. @param chars that it holds until it is answered. */
  #tell(answer: Promise<unknown>, chars: number): void {
    this.#underWay++;
    this.#underWayChars += chars;
    void this.#ask(answer).finally(() => {
      this.#underWay--;
      this.#underWayChars -= chars;
    });
  }

  /** undefined where Redis does not answer, which is said once until it does again. */
  async #ask(answer: Promise<unknown>): Promise<unknown> {
    try {
      const value = await answer;
      this.#failing = false;
      return value;
    } catch (error) {
      if (!this.#failing) {
        const problem = error instanceof Error ? error.message : String(error);
        this.#options.logger.warn(
          { problem },
          'the Redis of quality does not answer; labels find only what this server answered',
        );
      }
      this.#failing = true;
      return undefined;
    }
  }

  /** Of what servers have counted, and of when they were last heard of. Braces: one node of a cluster has both. */
  #keys({ model, version, fingerprint }: StoredName): [string, string] {
    const name = `{${this.#options.prefix}:quality:${hash(model, version, fingerprint)}}`;
    return [`${name}:states`, `${name}:seen`];
  }

  /** Ids and names of callers are not readable in it. */
  #predictionKey({ model, version, fingerprint }: StoredName, key: string): string {
    return `${this.#options.prefix}:quality:kept:${hash(model, version, fingerprint, key)}`;
  }
}

function hash(...parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 32);
}

/** They are asked for one by one. */
async function* nothing(): AsyncGenerator<never, void, void> {}
