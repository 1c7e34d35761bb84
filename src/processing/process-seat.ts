import type { ProcessedTensors, ProcessingStep } from '../inference/processing.ts';
import { ServingError } from '../errors.ts';
import { defaultRestartLimits, restartDelayMs } from '../util/restart-policy.ts';
import type { FromModule, ToModule } from './messages.ts';
import type { ModuleProcess } from './module-process.ts';
import type { ProcessPoolOptions } from './process-pool.ts';
import { failed, lost, notLoaded, outOfMemory, refused, timedOut } from './refusals.ts';

/** Of a start: a module may read large files before it serves. */
const openLimitMs = 60_000;

/** How often a run that lasts is asked for what it holds: within this time a module may grow by some hundred megabytes. */
const memoryIntervalMs = 50;

/** A shorter wait is waited for by requests; a longer one is told to them. */
const shortWaitMs = 1000;

type State =
  | { readonly kind: 'idle' | 'running'; readonly process: ModuleProcess }
  | { readonly kind: 'starting' }
  | { readonly kind: 'restarting'; readonly at: number; readonly timer: Disposable }
  | { readonly kind: 'closed' };

/** A place for one process of a module: starts it, ends it when it must be, and starts the next within a budget. */
export class ProcessSeat implements AsyncDisposable {
  readonly #options: ProcessPoolOptions;
  readonly #onIdle: () => void;
  readonly #living = new Set<ModuleProcess>();
  #state: State = { kind: 'starting' };
  #crashesInRow = 0;
  #restartedAt: number[] = [];

  constructor(options: ProcessPoolOptions, onIdle: () => void) {
    this.#options = options;
    this.#onIdle = onIdle;
  }

  get idle(): boolean {
    return this.#state.kind === 'idle';
  }

  /** How long it will certainly not take work; 0 when it may soon. */
  get downForMs(): number {
    if (this.#state.kind !== 'restarting') return 0;
    const waitMs = this.#state.at - this.#options.clock.now();
    return waitMs > shortWaitMs ? waitMs : 0;
  }

  /** @returns what the module says of itself. @throws ServingError; the process is gone then. */
  async open(): Promise<Extract<FromModule, { readonly kind: 'opened' }>> {
    const { plan, start } = this.#options;
    const process = start(plan.memoryBytes);
    this.#living.add(process);
    void process.exited.then((cause) => this.#onExit(process, cause));
    const watch = this.#limit(process, openLimitMs);
    try {
      const answer = await process.ask({ kind: 'open', modulePath: plan.modulePath });
      if (answer.kind !== 'opened') throw new Error(answer.kind === 'done' ? 'no answer' : answer.text);
      if (this.#state.kind === 'starting') this.#state = { kind: 'idle', process };
      return answer;
    } catch (error) {
      process.kill();
      throw notLoaded(watch.problem(openLimitMs) ?? 'it cannot be loaded; the log says why', error);
    } finally {
      watch[Symbol.dispose]();
    }
  }

  /** Only while it is idle. */
  async run(step: ProcessingStep): Promise<ProcessedTensors> {
    const state = this.#state;
    if (state.kind !== 'idle') throw new Error('bug: a hook was given to a process that cannot take one');
    const { process } = state;
    const { plan } = this.#options;
    this.#state = { kind: 'running', process };
    const watch = this.#limit(process, plan.timeoutMs);
    let answer: FromModule;
    try {
      answer = await process.ask(messageOf(step));
    } catch (error) {
      process.kill();
      throw this.#endOf(step.hook, watch, error);
    } finally {
      watch[Symbol.dispose]();
    }
    this.#crashesInRow = 0;
    this.#release(process, answer);
    if (answer.kind === 'done') return answer;
    if (answer.kind === 'refused') throw refused(answer.text);
    throw failed(step.hook, answer.kind === 'failed' ? answer.text : 'no answer');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state.kind === 'restarting') this.#state.timer[Symbol.dispose]();
    this.#state = { kind: 'closed' };
    const gone = Array.from(this.#living, (process) => process.exited);
    for (const process of this.#living) process.kill();
    await Promise.all(gone);
  }

  #endOf(hook: string, watch: Watch, cause: unknown): ServingError {
    const { plan } = this.#options;
    if (watch.ended === 'time') return timedOut(hook, plan.timeoutMs);
    return watch.ended === 'memory' ? outOfMemory(hook, cause) : lost(hook, cause);
  }

  /** A process that has grown is replaced before it is given anything else. */
  #release(process: ModuleProcess, answer: FromModule): void {
    if (this.#state.kind !== 'running') return;
    if (answer.kind !== 'opened' && answer.heldBytes > this.#options.plan.memoryBytes) {
      const { model, logger } = this.#options;
      logger.warn(
        { model, heldBytes: answer.heldBytes },
        'the processing module has grown and is started anew',
      );
      process.kill();
      return;
    }
    this.#state = { kind: 'idle', process };
    // The answer first: whoever waits for it may have more to do.
    queueMicrotask(this.#onIdle);
  }

  #limit(process: ModuleProcess, timeoutMs: number): Watch {
    return new Watch(process, { ...this.#options, timeoutMs, memoryBytes: this.#options.plan.memoryBytes });
  }

  #onExit(process: ModuleProcess, cause: unknown): void {
    this.#living.delete(process);
    const state = this.#state;
    if (state.kind === 'closed' || state.kind === 'restarting' || state.kind === 'starting') return;
    const { model, logger } = this.#options;
    if (state.kind === 'idle') logger.error({ model, cause }, 'the process of a processing module ended');
    this.#restartLater();
  }

  #restartLater(): void {
    const { clock, random = Math.random, restartLimits: limits = defaultRestartLimits } = this.#options;
    const now = clock.now();
    this.#crashesInRow += 1;
    this.#restartedAt = this.#restartedAt.filter((at) => now - at < limits.budgetWindowMs);
    const history = { crashesInRow: this.#crashesInRow, restartedAt: this.#restartedAt };
    const delayMs = restartDelayMs(limits, history, now, random());
    const timer = clock.after(delayMs, () => this.#restart());
    this.#state = { kind: 'restarting', at: now + delayMs, timer };
    this.#onIdle();
  }

  #restart(): void {
    this.#state = { kind: 'starting' };
    this.#restartedAt.push(this.#options.clock.now());
    this.open().then(
      () => this.#onIdle(),
      (error: unknown) => {
        if (this.#state.kind !== 'starting') return;
        const { model, logger } = this.#options;
        logger.error(
          { model, cause: ServingError.from(error).cause },
          'a processing module cannot be started',
        );
        this.#restartLater();
      },
    );
  }
}

function messageOf({ hook, request, tensors, state }: ProcessingStep): ToModule {
  const { model, version, id, parameters } = request;
  return { kind: 'run', hook, model, version, id, parameters: [...parameters], tensors, state };
}

interface WatchOptions extends Pick<ProcessPoolOptions, 'clock'> {
  readonly timeoutMs: number;
  readonly memoryBytes: number;
}

/** Ends a process whose run takes too long or too much. */
class Watch implements Disposable {
  /** What was too much; undefined while nothing was. */
  ended: 'time' | 'memory' | undefined = undefined;
  readonly #process: ModuleProcess;
  readonly #options: WatchOptions;
  readonly #time: Disposable;
  #memory: Disposable;
  #over = false;

  constructor(process: ModuleProcess, options: WatchOptions) {
    this.#process = process;
    this.#options = options;
    this.#time = options.clock.after(options.timeoutMs, () => this.#end('time'));
    this.#memory = options.clock.after(memoryIntervalMs, () => void this.#look());
  }

  problem(timeoutMs: number): string | undefined {
    if (this.ended === 'time') return `it did not load within ${timeoutMs} ms`;
    return this.ended === 'memory' ? 'it took more memory than it may while it loaded' : undefined;
  }

  [Symbol.dispose](): void {
    this.#over = true;
    this.#time[Symbol.dispose]();
    this.#memory[Symbol.dispose]();
  }

  async #look(): Promise<void> {
    const heldBytes = await this.#process.heldBytes();
    if (this.#over) return;
    if (heldBytes > this.#options.memoryBytes) this.#end('memory');
    else this.#memory = this.#options.clock.after(memoryIntervalMs, () => void this.#look());
  }

  #end(what: 'time' | 'memory'): void {
    this.ended = what;
    this.#process.kill();
  }
}
