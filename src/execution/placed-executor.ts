import { ServingError } from '../errors.ts';
import type { Batch, BatchResult, Executor } from '../inference/executor.ts';
import type { Logger } from '../inference/logger.ts';
import { elementCount } from '../inference/tensor.ts';
import type { InlineExecutor } from './inline-executor.ts';
import type { PlacementPolicy } from './placement-policy.ts';

export interface PlacementOptions {
  /** How the log names the model. */
  readonly model: string;
  readonly logger: Logger;
  readonly policy: PlacementPolicy;
  /** undefined when sessions cannot compute synchronously here. */
  readonly openInline: () => Promise<InlineExecutor | undefined>;
  readonly openThread: () => Promise<Executor>;
}

type Place =
  | { readonly kind: 'thread'; readonly executor: Executor }
  | { readonly kind: 'inline'; readonly executor: InlineExecutor };

/**
 * Runs batches on a thread until their learned cost says that the calling thread is the better place, and back.
 *
 * The thread comes first, so that a model that cannot be loaded or run shows there. Moving inline happens within the run that
 * decided it, which takes as long as opening the session; moving back happens beside the runs. What cannot move is settled.
 */
export class PlacedExecutor implements Executor {
  readonly #options: PlacementOptions;
  #place: Place;
  #listener: (() => void) | undefined = undefined;
  #subscription: Disposable | undefined = undefined;
  /** Set while a place is being opened. */
  #moving: Promise<void> | undefined = undefined;
  /** Set while a place that was left ends. */
  #leaving: Promise<void> | undefined = undefined;
  #settled = false;
  /** A batch is on the thread; the listener is told only once it is decided where the next one runs. */
  #running = false;
  #closed = false;
  /** On threads that were left. */
  #restartsBefore = 0;

  /** @param thread is owned from here on. */
  constructor(thread: Executor, options: PlacementOptions) {
    this.#options = options;
    this.#place = { kind: 'thread', executor: thread };
    this.#subscribe();
  }

  get idle(): boolean {
    if (this.#closed || this.#running || !this.#place.executor.idle) return false;
    return this.#place.kind === 'inline' || this.#moving === undefined;
  }

  get restarts(): number {
    return this.#restartsBefore + restartsOf(this.#place.executor);
  }

  get inline(): boolean {
    return this.#place.kind === 'inline';
  }

  computesInline(batch: Batch): boolean {
    return this.#place.kind === 'inline' && (this.#settled || !holdsManyTexts(batch));
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
    if (!this.idle) return Promise.reject(notIdle());
    if (this.#place.kind === 'thread') return this.#runThread(batch);
    return this.computesInline(batch) ? this.#runInline(this.#place.executor, batch) : this.#runAside(batch);
  }

  abandon(): void {
    if (this.#place.kind === 'thread') this.#place.executor.abandon?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await this.#moving;
    this.#subscription?.[Symbol.dispose]();
    await Promise.all([this.#place.executor[Symbol.asyncDispose](), this.#leaving]);
  }

  #runInline(executor: InlineExecutor, batch: Batch): Promise<BatchResult> {
    try {
      const result = executor.runNow(batch);
      if (result instanceof Promise) return result;
      this.#record(batch, result);
      if (
        this.#moving === undefined &&
        !this.#settled &&
        this.#options.policy.decide('inline') === 'thread'
      ) {
        this.#moving = this.#moveToThread();
      }
      return Promise.resolve(result);
    } catch (thrown) {
      return Promise.reject(ServingError.from(thrown));
    }
  }

  /** Whatever the model cost so far, this batch would hold everybody up. */
  async #runAside(batch: Batch): Promise<BatchResult> {
    this.#running = true;
    try {
      this.#moving ??= this.#moveToThread();
      await this.#moving;
      const result = await this.#place.executor.run(batch);
      this.#record(batch, result);
      return result;
    } finally {
      this.#running = false;
      if (this.idle) this.#listener?.();
    }
  }

  async #runThread(batch: Batch): Promise<BatchResult> {
    this.#running = true;
    try {
      const result = await this.#place.executor.run(batch);
      this.#record(batch, result);
      if (this.#mayMoveInline()) {
        this.#moving = this.#moveInline();
        await this.#moving;
      }
      return result;
    } finally {
      this.#running = false;
      if (this.idle) this.#listener?.();
    }
  }

  /**
   * Rehearsed batches have sizes that may never come; single rows do come. A clock would count, on a busy machine, what
   * others did meanwhile, and keep a cheap model on its thread for good.
   */
  #record({ rows, rehearsal }: Batch, { cpuMs, inferMs }: BatchResult): void {
    if (rehearsal !== true || rows === 1) this.#options.policy.record(rows, cpuMs ?? inferMs);
  }

  #mayMoveInline(): boolean {
    if (this.#settled || this.#closed || this.#moving !== undefined || !this.#place.executor.idle)
      return false;
    return this.#options.policy.decide('thread') === 'inline';
  }

  async #moveInline(): Promise<void> {
    const { openInline, logger, model } = this.#options;
    try {
      const executor = await openInline();
      if (executor === undefined) this.#settled = true;
      else {
        this.#change({ kind: 'inline', executor });
        logger.info({ model }, 'batches now run inline');
      }
    } catch (thrown) {
      this.#settled = true;
      logger.warn({ model, cause: String(thrown) }, 'no inline session; batches stay on their thread');
    }
    this.#moving = undefined;
  }

  async #moveToThread(): Promise<void> {
    const { openThread, logger, model } = this.#options;
    try {
      this.#change({ kind: 'thread', executor: await openThread() });
      logger.info({ model }, 'batches now run on a thread of their own');
    } catch (thrown) {
      this.#settled = true;
      logger.warn({ model, cause: String(thrown) }, 'no thread; batches stay inline');
    }
    this.#moving = undefined;
    if (this.idle) this.#listener?.();
  }

  #change(place: Place): void {
    const left = this.#place.executor;
    this.#restartsBefore += restartsOf(left);
    this.#subscription?.[Symbol.dispose]();
    this.#place = place;
    this.#subscribe();
    this.#leaving = Promise.all([this.#leaving, left[Symbol.asyncDispose]()]).then(() => undefined);
  }

  #subscribe(): void {
    this.#subscription = this.#place.executor.onIdle(() => {
      if (this.idle) this.#listener?.();
    });
  }
}

/** Each becomes a string of its own, in a tenth of a microsecond or more. */
const manyTexts = 65_536;

function holdsManyTexts({ inputs }: Batch): boolean {
  for (const { datatype, shape, sizeBytes } of inputs) {
    // Each element has at least its length, of four bytes.
    if (sizeBytes > 4 * manyTexts && datatype === 'BYTES' && elementCount(shape) > manyTexts) return true;
  }
  return false;
}

function restartsOf({ restarts }: Executor): number {
  return restarts ?? 0;
}

function notIdle(): ServingError {
  return new ServingError('unavailable', 'the model’s executor cannot take work now', {
    reason: 'EXECUTOR_BUSY',
  });
}
