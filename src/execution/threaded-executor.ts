import { ServingError } from '../errors.ts';
import type { Batch, BatchResult, Executor } from '../inference/executor.ts';
import type { Logger } from '../inference/logger.ts';
import type { Clock } from '../util/clock.ts';
import { FailureLog } from './failure-log.ts';
import { defaultRestartLimits, restartDelayMs } from '../util/restart-policy.ts';
import type { RestartLimits } from '../util/restart-policy.ts';
import type { SessionThread } from './session-thread.ts';
import { StuckWatch } from './stuck-watch.ts';
import type { StuckRun } from './stuck-watch.ts';

export interface SupervisionOptions {
  /** How the log names the model. */
  readonly model: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long disposing waits for a running batch before it leaves the thread behind. */
  readonly closeLimitMs: number;
  /** A run that takes longer is reported. */
  readonly stuckRunMs: number;
  readonly onStuckRun: (run: StuckRun) => void;
  /** As of Executor. */
  readonly unwatched?: boolean;
  /** As of Executor. */
  readonly endsRuns?: boolean;
  readonly restartLimits?: RestartLimits;
  /** In [0, 1); for the jitter of restarts. */
  readonly random?: () => number;
}

export type StartThread = () => Promise<SessionThread>;

type State =
  | { readonly kind: 'idle' | 'running'; readonly thread: SessionThread }
  | { readonly kind: 'restarting'; readonly timer: Disposable | undefined }
  /** Too many threads were left behind; one of them has to end before another is started. */
  | { readonly kind: 'waiting' }
  | { readonly kind: 'closed' };

/** Threads in runs that do not end, each with its session's memory and perhaps a busy core: no more than these per executor. */
const mostAbandoned = 2;

/** Runs batches on a thread of its own, and starts another thread when that one is lost. */
export class ThreadedExecutor implements Executor {
  readonly inline = false;
  readonly unwatched: boolean;
  readonly endsRuns: boolean;
  restarts = 0;
  readonly #start: StartThread;
  readonly #options: SupervisionOptions;
  readonly #failures: FailureLog;
  readonly #watch: StuckWatch;
  readonly #exits = new Set<Promise<void>>();
  /** Left in a run that does not end. */
  readonly #abandoned = new Set<SessionThread>();
  #state: State;
  #listener: (() => void) | undefined = undefined;
  #crashesInRow = 0;
  #restartedAt: number[] = [];

  /** @param thread is owned from here on. */
  constructor(thread: SessionThread, start: StartThread, options: SupervisionOptions) {
    this.#start = start;
    this.unwatched = options.unwatched ?? false;
    this.endsRuns = options.endsRuns ?? false;
    this.#options = options;
    this.#failures = new FailureLog(options.logger, options.clock, options.model);
    this.#watch = new StuckWatch(options.clock, options.stuckRunMs, (runningMs) =>
      this.#reportStuck(runningMs, { abandoned: false }),
    );
    this.#state = this.#adopt(thread);
  }

  get idle(): boolean {
    return this.#state.kind === 'idle';
  }

  onIdle(listener: () => void): Disposable {
    this.#listener = listener;
    return {
      [Symbol.dispose]: () => {
        if (this.#listener === listener) this.#listener = undefined;
      },
    };
  }

  async run(batch: Batch): Promise<BatchResult> {
    if (this.#state.kind !== 'idle') {
      throw new ServingError('unavailable', 'the model’s executor cannot take work now', {
        reason: 'EXECUTOR_BUSY',
      });
    }
    const { thread } = this.#state;
    this.#state = { kind: 'running', thread };
    this.#watch.started();
    try {
      const result = await thread.run(batch);
      this.#crashesInRow = 0;
      return result;
    } catch (thrown) {
      const error = ServingError.from(thrown);
      this.#failures.record(error);
      throw error;
    } finally {
      this.#watch.ended();
      if (this.#state.kind === 'running' && this.#state.thread === thread) this.#becomeIdle(thread);
    }
  }

  abandon(): void {
    if (this.#state.kind !== 'running') return;
    const { thread } = this.#state;
    this.#abandoned.add(thread);
    if (this.#abandoned.size <= mostAbandoned) this.#restartLater(new Error('a run does not end'));
    else {
      this.#state = { kind: 'waiting' };
      const { model, logger } = this.#options;
      logger.error({ model, threads: this.#abandoned.size }, 'too many runs do not end; executor stays down');
    }
    thread.abandon();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const state = this.#state;
    this.#state = { kind: 'closed' };
    if (state.kind === 'restarting') state.timer?.[Symbol.dispose]();
    else if (state.kind === 'idle' || state.kind === 'running') state.thread.close();
    const gone = Promise.all(this.#exits).then(() => true);
    const limit = Promise.withResolvers<false>();
    using _timer = this.#options.clock.after(this.#options.closeLimitMs, () => limit.resolve(false));
    if (!(await Promise.race([gone, limit.promise]))) {
      this.#reportStuck(this.#watch.runningMs, { abandoned: true });
    }
    this.#watch[Symbol.dispose]();
  }

  #adopt(thread: SessionThread): State {
    const exited = Promise.withResolvers<void>();
    this.#exits.add(exited.promise);
    thread.onExit((cause) => {
      this.#exits.delete(exited.promise);
      exited.resolve();
      this.#onExit(thread, cause);
    });
    return { kind: 'idle', thread };
  }

  #onExit(thread: SessionThread, cause: unknown): void {
    if (this.#abandoned.delete(thread)) {
      this.#options.logger.warn({ model: this.#options.model }, 'a run that was given up has ended');
      if (this.#state.kind === 'waiting') this.#restartLater(cause);
    } else if (this.#state.kind !== 'closed') this.#restartLater(cause);
  }

  #restartLater(cause: unknown): void {
    const {
      clock,
      logger,
      model,
      restartLimits = defaultRestartLimits,
      random = Math.random,
    } = this.#options;
    this.#crashesInRow += 1;
    const history = { crashesInRow: this.#crashesInRow, restartedAt: this.#restartedAt };
    const delayMs = restartDelayMs(restartLimits, history, clock.now(), random());
    logger.error({ model, cause: textOf(cause), delayMs }, 'executor lost; it will be restarted');
    const timer = clock.after(delayMs, () => {
      this.#state = { kind: 'restarting', timer: undefined };
      this.#restartedAt = [...this.#restartedAt, clock.now()].slice(-restartLimits.budget);
      const restarted = this.#restart().finally(() => this.#exits.delete(restarted));
      this.#exits.add(restarted);
    });
    this.#state = { kind: 'restarting', timer };
  }

  async #restart(): Promise<void> {
    try {
      const thread = await this.#start();
      if (this.#state.kind === 'closed') {
        await closed(thread);
        return;
      }
      this.#state = this.#adopt(thread);
      this.restarts += 1;
      this.#options.logger.info({ model: this.#options.model }, 'executor restarted');
      this.#listener?.();
    } catch (thrown) {
      if (this.#state.kind !== 'closed') this.#restartLater(thrown);
    }
  }

  #becomeIdle(thread: SessionThread): void {
    this.#state = { kind: 'idle', thread };
    this.#listener?.();
  }

  #reportStuck(runningMs: number, { abandoned }: { readonly abandoned: boolean }): void {
    const run: StuckRun = { model: this.#options.model, runningMs, abandoned };
    this.#options.logger.error(run, 'a run does not end');
    this.#options.onStuckRun(run);
  }
}

function closed(thread: SessionThread): Promise<void> {
  return new Promise((resolve) => {
    thread.onExit(() => resolve());
    thread.close();
  });
}

function textOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
