import type { QualityStore } from '../../src/quality/quality-store.ts';

/** A store in which nothing is found, and which takes everything, but for what a test does itself. */
export function forgetfulStore(own: Partial<QualityStore> = {}): QualityStore {
  return {
    load: () => Promise.resolve(undefined),
    save: () => Promise.resolve(true),
    unchanged: () => Promise.resolve(true),
    predictions: () => ({
      keeper: {
        keep: () => undefined,
        label: () => undefined,
        forget: () => undefined,
        [Symbol.asyncDispose]: () => Promise.resolve(),
      },
      shared: undefined,
      async *restore() {},
    }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
    ...own,
  };
}
