import assert from 'node:assert/strict';
import { ServingError } from '../../../src/errors.ts';
import { valuesOf, type HeldModels } from '../../support/held-model.ts';

/** Asks the model one row after the other while something happens, and counts how it went. */
export class Load {
  answered = 0;
  /** By code, with how long each took. */
  readonly failures: {
    readonly code: string;
    readonly ms: number;
    readonly retryAfterMs: number | undefined;
  }[] = [];
  readonly #models: HeldModels;
  readonly #model: string;
  readonly #done: Promise<unknown>;
  #stopped = false;

  constructor(models: HeldModels, model: string, callers = 4) {
    this.#models = models;
    this.#model = model;
    this.#done = Promise.all(Array.from({ length: callers }, () => this.#call()));
  }

  /** Resolves once it has come so far; rejects after a minute. */
  async until(reached: (load: Load) => boolean): Promise<void> {
    const signal = AbortSignal.timeout(60_000);
    while (!reached(this)) {
      assert.ok(!signal.aborted, 'the load does not come so far');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }

  async #call(): Promise<void> {
    while (!this.#stopped) {
      const startedAt = performance.now();
      const outcome = await outcomeOf(this.#models, this.#model, 1);
      if (!(outcome instanceof ServingError)) {
        assert.deepEqual(outcome, [1]);
        this.answered += 1;
        continue;
      }
      const { code, retryAfterMs } = outcome;
      this.failures.push({ code, retryAfterMs, ms: performance.now() - startedAt });
      // As a client that takes advice, but not as long as advised.
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** Values that a model answered for these, or why it did not. */
export async function outcomeOf(models: HeldModels, model: string, ...values: readonly number[]) {
  try {
    return valuesOf(await models.infer(model, { values }));
  } catch (thrown) {
    return ServingError.from(thrown);
  }
}

/** Asks until the model answers. @returns how long that took. */
export async function backAfterMs(models: HeldModels, model: string): Promise<number> {
  const startedAt = performance.now();
  const signal = AbortSignal.timeout(60_000);
  while ((await outcomeOf(models, model, 1)) instanceof ServingError) {
    assert.ok(!signal.aborted, 'the model did not come back');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return performance.now() - startedAt;
}

export function codeOf(outcome: readonly number[] | ServingError): string {
  return outcome instanceof ServingError ? outcome.code : 'answered';
}
