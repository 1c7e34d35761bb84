import { ServingError } from '../errors.ts';
import type { Batch, BatchResult, Executor } from '../inference/executor.ts';
import type { Clock } from '../util/clock.ts';
import type { FailureLog } from './failure-log.ts';
import { InputSlab } from './input-slab.ts';
import type { Fetches, RuntimeValues } from './native-binding.ts';
import { toRunError } from './run-error.ts';
import { fetchesOf, readOutputs } from './session.ts';
import type { Feeds, Session } from './session.ts';

/**
 * Runs batches on the calling thread. With the synchronous binding a run is over when `run` returns, so `idle` never turns
 * false for anybody to see and `onIdle` never fires; with the public API it does both, and `inline` is false.
 */
export class InlineExecutor implements Executor {
  readonly inline: boolean;
  readonly #session: Session;
  readonly #clock: Clock;
  readonly #failures: FailureLog;
  readonly #slabs = new Map<string, InputSlab>();
  #names: readonly string[] = [];
  #fetches: Fetches = {};
  #running: Promise<unknown> | undefined = undefined;
  #closed = false;
  #listener: (() => void) | undefined = undefined;

  /** @param session is owned from here on. */
  constructor(session: Session, clock: Clock, failures: FailureLog) {
    this.inline = session.synchronous;
    this.#session = session;
    this.#clock = clock;
    this.#failures = failures;
    for (const { name } of session.metadata.inputs) this.#slabs.set(name, new InputSlab(session));
  }

  get idle(): boolean {
    return !this.#closed && this.#running === undefined;
  }

  onIdle(listener: () => void): Disposable {
    this.#listener = listener;
    return {
      [Symbol.dispose]: () => {
        if (this.#listener === listener) this.#listener = undefined;
      },
    };
  }

  run(batch: Batch): Promise<BatchResult> {
    try {
      return Promise.resolve(this.runNow(batch));
    } catch (thrown) {
      return Promise.reject(ServingError.from(thrown));
    }
  }

  /** The same without a promise where the session is synchronous. @throws ServingError. */
  runNow(batch: Batch): BatchResult | Promise<BatchResult> {
    if (!this.idle) {
      throw new ServingError('unavailable', 'the model’s executor cannot take work now', {
        reason: 'EXECUTOR_BUSY',
      });
    }
    try {
      const startedAt = this.#clock.now();
      const feeds = this.#feeds(batch);
      const fetches = this.#fetchesFor(batch.outputs);
      const readyAt = this.#clock.now();
      const values = this.#session.compute(feeds, fetches);
      if (values instanceof Promise) return this.#wait(batch, values, startedAt, readyAt);
      return this.#result(batch, values, startedAt, readyAt);
    } catch (thrown) {
      throw this.#failed(thrown);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#running;
    await this.#session[Symbol.asyncDispose]();
  }

  #feeds(batch: Batch): Feeds {
    const feeds: Feeds = {};
    for (const input of batch.inputs) {
      const slab = this.#slabs.get(input.name);
      if (slab === undefined) {
        throw new ServingError('invalid_argument', `the model has no input '${input.name}'`);
      }
      feeds[input.name] = slab.fill(input);
    }
    return feeds;
  }

  #fetchesFor(names: readonly string[]): Fetches {
    if (names !== this.#names) {
      const same = names.length === this.#names.length && names.every((name, at) => name === this.#names[at]);
      if (!same) this.#fetches = fetchesOf(names);
      this.#names = names;
    }
    return this.#fetches;
  }

  #result(batch: Batch, values: RuntimeValues, startedAt: number, readyAt: number): BatchResult {
    const computedAt = this.#clock.now();
    const outputs = readOutputs(values, batch.outputs);
    const outputMs = this.#clock.now() - computedAt;
    return { outputs, inputMs: readyAt - startedAt, inferMs: computedAt - readyAt, outputMs };
  }

  async #wait(
    batch: Batch,
    pending: Promise<RuntimeValues>,
    startedAt: number,
    readyAt: number,
  ): Promise<BatchResult> {
    const settled = pending.catch(() => undefined);
    this.#running = settled;
    try {
      return this.#result(batch, await pending, startedAt, readyAt);
    } catch (thrown) {
      throw this.#failed(thrown);
    } finally {
      this.#running = undefined;
      if (!this.#closed) this.#listener?.();
    }
  }

  #failed(thrown: unknown): ServingError {
    const error = toRunError(thrown);
    this.#failures.record(error);
    return error;
  }
}
