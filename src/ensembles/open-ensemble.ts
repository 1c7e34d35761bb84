import type { OpenedModel } from '../inference/executor.ts';

/** In place of sessions: an ensemble has none, and nothing to close. Each has its own list of executors, to be known by. */
export function openEnsemble(): Promise<OpenedModel> {
  return Promise.resolve({
    metadata: { inputs: [], outputs: [] },
    executors: [],
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
}
