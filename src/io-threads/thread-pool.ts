import type { Logger } from '../inference/logger.ts';
import type { Clock } from '../util/clock.ts';
import { defaultRestartLimits, restartDelayMs } from '../util/restart-policy.ts';

/** One life of a thread, as far as its pool needs to know it. */
export interface PooledThread {
  readonly index: number;
  /** Resolves when the thread is gone, with why. */
  readonly exited: Promise<unknown>;
  readonly lost: boolean;
  /** It has all models and listens. */
  serving: boolean;
  /** The answer, or undefined when the thread is gone. */
  unlessLost<T>(answer: Promise<T>): Promise<T | undefined>;
  /** Lets it end by itself once it has nothing left. */
  end(): void;
}

export interface ThreadPoolOptions<Thread> {
  readonly size: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly start: (index: number) => Thread;
  /** Opens all models in a thread that stands in for a lost one. */
  readonly openModels: (thread: Thread) => Promise<void>;
  /** Lets such a thread listen, and marks it as serving. */
  readonly serve: (thread: Thread) => Promise<void>;
  /** Releases what the thread of that index held. Another is started later. */
  readonly onLost: (index: number) => void;
}

/** The I/O threads of a server: started together, and each replaced when it is lost while they serve. */
export class ThreadPool<Thread extends PooledThread> implements AsyncDisposable {
  readonly #options: ThreadPoolOptions<Thread>;
  /** By index; undefined while a lost thread waits to be replaced. */
  readonly #threads: (Thread | undefined)[] = [];
  /** When the threads of each index were replaced, as far back as the budget of restarts looks. */
  readonly #restartedAt = new Map<number, readonly number[]>();
  readonly #timers = new Set<Disposable>();
  #restarts = 0;
  #phase: 'starting' | 'serving' | 'draining' | 'ended' = 'starting';

  constructor(options: ThreadPoolOptions<Thread>) {
    this.#options = options;
    for (let index = 0; index < options.size; index++) this.#start(index);
  }

  /** How many lost threads were replaced. */
  get restarts(): number {
    return this.#restarts;
  }

  alive(): readonly Thread[] {
    return this.#threads.filter((thread) => thread !== undefined);
  }

  serving(): readonly Thread[] {
    return this.alive().filter((thread) => thread.serving);
  }

  /** What threads that are not lost answer. */
  async askAll<T>(ask: (thread: Thread) => Promise<T>): Promise<readonly T[]> {
    const answers = await Promise.all(this.alive().map((thread) => thread.unlessLost(ask(thread))));
    return answers.filter((answer) => answer !== undefined);
  }

  /** All of them listen: those lost from now on are replaced. */
  allServe(): void {
    this.#phase = 'serving';
    for (const thread of this.alive()) thread.serving = true;
  }

  /** No thread is replaced any more. */
  drain(): void {
    this.#phase = 'draining';
    for (const timer of this.#timers) timer[Symbol.dispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.drain();
    this.#phase = 'ended';
    const alive = this.alive();
    for (const thread of alive) thread.end();
    await Promise.all(alive.map((thread) => thread.exited));
  }

  #start(index: number): Thread {
    const thread = this.#options.start(index);
    this.#threads[index] = thread;
    void thread.exited.then((cause) => this.#onExit(index, cause));
    return thread;
  }

  #onExit(index: number, cause: unknown): void {
    const { logger, onLost } = this.#options;
    this.#threads[index] = undefined;
    onLost(index);
    if (this.#phase === 'ended') return;
    logger.error({ thread: index, error: cause }, 'an I/O thread ended');
    if (this.#phase === 'serving') this.#replaceLater(index);
  }

  #replaceLater(index: number): void {
    const { clock } = this.#options;
    const restartedAt = this.#restartedAt.get(index) ?? [];
    const recent = restartedAt.filter((at) => clock.now() - at < defaultRestartLimits.budgetWindowMs);
    const history = { crashesInRow: recent.length + 1, restartedAt: recent };
    const delayMs = restartDelayMs(defaultRestartLimits, history, clock.now(), Math.random());
    const timer = clock.after(delayMs, () => {
      this.#timers.delete(timer);
      this.#restartedAt.set(index, [...recent, clock.now()]);
      void this.#replace(index);
    });
    this.#timers.add(timer);
  }

  /** Ready models first, then connections. A thread that cannot have them all is ended, and tried again later. */
  async #replace(index: number): Promise<void> {
    const { logger, openModels, serve } = this.#options;
    const thread = this.#start(index);
    try {
      await openModels(thread);
      if (this.#phase !== 'serving') return;
      await serve(thread);
      this.#restarts += 1;
      logger.info({ thread: index }, 'an I/O thread was replaced');
    } catch (error) {
      if (thread.lost || this.#phase !== 'serving') return;
      logger.error({ thread: index, error }, 'an I/O thread could not be replaced');
      thread.end();
    }
  }
}
