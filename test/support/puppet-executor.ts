import { ServingError } from '../../src/errors.ts';
import { type Batch, type BatchResult, type Executor } from '../../src/inference/executor.ts';
import type { Tensor } from '../../src/inference/tensor.ts';
import type { Clock } from '../../src/util/clock.ts';

export interface PuppetOptions {
  readonly inline?: boolean;
  /** The outputs of a batch; by default every wanted output is the batch's first input, joined. May throw. */
  readonly compute?: (batch: Batch) => readonly Tensor[];
  /** With both, a batch finishes by itself after `serviceMs(rows)`; otherwise the test calls `finish` or `fail`. */
  readonly clock?: Clock;
  readonly serviceMs?: (rows: number) => number;
}

/** An executor whose strings the test holds: it sees every batch and decides when and how it ends. */
export class PuppetExecutor implements Executor {
  readonly inline: boolean;
  /** Every batch ever run, in order. */
  readonly batches: Batch[] = [];
  #idle = true;
  #listener: (() => void) | undefined;
  #running: { batch: Batch; resolve(result: BatchResult): void; reject(error: unknown): void } | undefined;
  readonly #compute: (batch: Batch) => readonly Tensor[];
  readonly #clock: Clock | undefined;
  readonly #serviceMs: ((rows: number) => number) | undefined;

  constructor(options: PuppetOptions = {}) {
    this.inline = options.inline ?? false;
    this.#compute = options.compute ?? echo;
    this.#clock = options.clock;
    this.#serviceMs = options.serviceMs;
  }

  get idle(): boolean {
    return this.#idle;
  }

  /** Rows of every batch so far. */
  get rows(): readonly number[] {
    return this.batches.map((batch) => batch.rows);
  }

  get running(): Batch | undefined {
    return this.#running?.batch;
  }

  run(batch: Batch): Promise<BatchResult> {
    if (!this.#idle) throw new Error('bug: run while not idle');
    this.batches.push(batch);
    if (this.inline) return this.#runNow(batch);
    this.#idle = false;
    const { promise, resolve, reject } = Promise.withResolvers<BatchResult>();
    this.#running = { batch, resolve, reject };
    if (this.#clock !== undefined && this.#serviceMs !== undefined) {
      this.#clock.after(this.#serviceMs(batch.rows), () => this.finish());
    }
    return promise;
  }

  onIdle(listener: () => void): Disposable {
    this.#listener = listener;
    return {
      [Symbol.dispose]: () => {
        if (this.#listener === listener) this.#listener = undefined;
      },
    };
  }

  /** Ends the running batch with `outputs`, by default what `compute` makes of it (or throws). */
  finish(outputs?: readonly Tensor[]): void {
    const running = this.#take();
    try {
      const inferMs = this.#serviceMs?.(running.batch.rows) ?? 1;
      running.resolve(resultOf(outputs ?? this.#compute(running.batch), inferMs));
    } catch (error) {
      running.reject(error);
    }
    this.setIdle(true);
  }

  /** Ends the running batch with an error; `stayDown` leaves the executor not idle, as a crashed worker. */
  fail(error: Error, { stayDown = false } = {}): void {
    this.#take().reject(error);
    if (!stayDown) this.setIdle(true);
  }

  /** The running batch is given up; the executor is down until the test says otherwise. */
  abandon(): void {
    const hung = new ServingError('unavailable', 'given up', { reason: 'EXECUTOR_HUNG' });
    this.fail(hung, { stayDown: true });
  }

  setIdle(idle: boolean): void {
    this.#idle = idle;
    if (idle) this.#listener?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#idle = false;
    this.#listener = undefined;
  }

  #runNow(batch: Batch): Promise<BatchResult> {
    this.#idle = false;
    try {
      return Promise.resolve(resultOf(this.#compute(batch), 0));
    } catch (error) {
      return Promise.reject(error);
    } finally {
      this.setIdle(true);
    }
  }

  #take() {
    const running = this.#running;
    if (running === undefined) throw new Error('the puppet runs nothing');
    this.#running = undefined;
    return running;
  }
}

function resultOf(outputs: readonly Tensor[], inferMs: number): BatchResult {
  return { outputs, inputMs: 0, inferMs, outputMs: 0 };
}

function echo(batch: Batch): readonly Tensor[] {
  const input = batch.inputs[0];
  if (input === undefined) throw new Error('echo needs an input');
  const data = Buffer.concat(input.parts);
  return batch.outputs.map((name) => ({ name, datatype: input.datatype, shape: input.shape, data }));
}
