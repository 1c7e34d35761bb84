import type { ByteStore } from './byte-store.ts';
import type { CipherKeys } from './cipher-keys.ts';
import { openValue, sealValue } from './value-cipher.ts';

/** What a value that cannot be opened stands for: something that is no answer. */
const noValue = Buffer.alloc(0);

/**
 * A store whose values are encrypted.
 *
 * @param store and `keys` are owned from here on.
 */
export function sealValues(store: ByteStore, keys: CipherKeys): ByteStore {
  return {
    get ready() {
      return store.ready;
    },
    async get(name) {
      const sealed = await store.get(name);
      return sealed === null ? null : (openValue(keys.keys, name, sealed) ?? noValue);
    },
    set: (name, value, ttlMs) => store.set(name, sealValue(keys.keys[0], name, value), ttlMs),
    ping: () => store.ping(),
    scores: (name, most) => store.scores(name, most),
    raise: (name, word, score) => store.raise(name, word, score),
    count: (name, counts, limits) => store.count(name, counts, limits),
    highest: (name, most) => store.highest(name, most),
    onReady: (listener) => store.onReady(listener),
    [Symbol.dispose]() {
      keys[Symbol.dispose]();
      store[Symbol.dispose]();
    },
  };
}
