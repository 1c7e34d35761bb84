import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { ServingError } from '../errors.ts';
import type { Batch, BatchResult, SessionPlan } from '../inference/executor.ts';
import { CallPort, type Handlers } from './call-port.ts';
import type { IoThreadSetup, MainCalls, Opened, Publication, ThreadCalls } from './messages.ts';
import type { PooledThread } from './thread-pool.ts';

/** Runs from source as well as from the build: bundled names are not rewritten. */
const entry = new URL(`./io-thread${extname(import.meta.filename)}`, import.meta.url);

/** In MiB. V8 would take four times as much: more than caches hold, for no gain (docs/tuning.md). */
const maxYoungGenerationSizeMb = 12;

/** One life of one I/O thread, as the main thread sees it. */
export class ThreadLink implements PooledThread {
  readonly index: number;
  readonly calls: CallPort<ThreadCalls, MainCalls>;
  /** Resolves when the thread is gone, with why. */
  readonly exited: Promise<unknown>;
  /** It has all models and listens. */
  serving = false;
  readonly #opened = new Map<number, Promise<Opened>>();
  /** Targets that it has been told of. */
  readonly #told = new Set<number>();
  #lost = false;
  /** Resolves when the thread routes by what it was last told. */
  #settled: Promise<void> = Promise.resolve();

  constructor(setup: IoThreadSetup, handlers: Handlers<MainCalls>) {
    this.index = setup.index;
    const worker = new Worker(entry, {
      workerData: setup,
      name: `io-${setup.index}`,
      resourceLimits: { maxYoungGenerationSizeMb },
    });
    this.calls = new CallPort<ThreadCalls, MainCalls>(worker, handlers);
    this.exited = new Promise((resolve) => {
      let cause: unknown;
      worker.on('error', (error) => {
        cause = error;
      });
      worker.on('exit', (code) => {
        this.#lost = true;
        this.serving = false;
        this.calls.lose(threadLost());
        resolve(cause ?? new Error(`the thread ended with code ${code}`));
      });
    });
  }

  get lost(): boolean {
    return this.#lost;
  }

  get settled(): Promise<void> {
    return this.#settled;
  }

  /** Opens the sessions of that number, once. */
  open(id: number, plan: SessionPlan | undefined): Promise<Opened> {
    let opened = this.#opened.get(id);
    if (opened === undefined) {
      opened = this.calls.ask('open', { id, plan });
      this.#opened.set(id, opened);
    }
    return opened;
  }

  /** Closes them if they are or were to be open. */
  async close(id: number): Promise<void> {
    const opened = this.#opened.get(id);
    if (opened === undefined) return;
    this.#opened.delete(id);
    this.#told.delete(id);
    await opened.catch(() => undefined);
    await this.unlessLost(this.calls.ask('close', { id }));
  }

  run(id: number, executor: number, batch: Batch): Promise<BatchResult> {
    return this.calls.ask('run', { id, executor, batch });
  }

  /** Sends the models as they are now, with the targets that this thread has not been told of. */
  publish(publication: Publication): void {
    const added = publication.added.filter(({ id }) => !this.#told.has(id));
    for (const { id } of added) this.#told.add(id);
    this.#settled = this.unlessLost(this.calls.ask('publish', { ...publication, added })).then(
      () => undefined,
    );
    // Whoever waits for it hears of a failure; if nobody does, the next publication says the same again.
    this.#settled.catch(() => undefined);
  }

  end(): void {
    this.calls.tell('end', undefined);
  }

  /** The answer, or undefined when the thread is gone and there is nothing left to be done in it. */
  async unlessLost<T>(answer: Promise<T>): Promise<T | undefined> {
    try {
      return await answer;
    } catch (error) {
      if (this.#lost) return undefined;
      throw error;
    }
  }
}

/** For whoever waits for a thread that is gone, or finds none that serves. */
export function threadLost(): ServingError {
  return new ServingError('unavailable', 'an I/O thread was lost; try again', {
    reason: 'IO_THREAD_LOST',
    retryAfterMs: 100,
  });
}
