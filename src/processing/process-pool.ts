import { ServingError } from '../errors.ts';
import type { CallContext } from '../inference/call-context.ts';
import type { Logger } from '../inference/logger.ts';
import type { ProcessedTensors, ProcessingPlan, ProcessingStep, Processor } from '../inference/processing.ts';
import type { Clock } from '../util/clock.ts';
import { LinkedQueue, type Linked } from '../util/linked-queue.ts';
import type { RestartLimits } from '../util/restart-policy.ts';
import type { FromModule } from './messages.ts';
import type { StartModuleProcess } from './module-process.ts';
import { ProcessSeat } from './process-seat.ts';
import { busy, callerGone, closed, down } from './refusals.ts';

/** More only wait longer than anybody would. */
const mostWaiting = 1000;

export interface ProcessPoolOptions {
  /** How the log names the model. */
  readonly model: string;
  readonly plan: ProcessingPlan;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly start: StartModuleProcess;
  readonly restartLimits?: RestartLimits;
  /** In [0, 1); for the jitter of restarts. */
  readonly random?: () => number;
}

type Opened = Extract<FromModule, { readonly kind: 'opened' }>;

interface Job extends Linked<Job> {
  readonly step: ProcessingStep;
  readonly call: CallContext;
  readonly resolve: (tensors: ProcessedTensors) => void;
  readonly reject: (error: ServingError) => void;
}

/** Runs the hooks of one module on its processes, in the order of their requests. */
export class ProcessPool implements Processor {
  readonly #seats: readonly ProcessSeat[];
  readonly #jobs = new LinkedQueue<Job>();
  #closed = false;

  constructor(options: ProcessPoolOptions) {
    const onIdle = (): void => this.#next();
    this.#seats = Array.from({ length: options.plan.processes }, () => new ProcessSeat(options, onIdle));
  }

  /** The first alone, so that a module that cannot be loaded fails once. @throws ServingError; nothing is left open then. */
  async open(): Promise<Opened> {
    const [first, ...others] = this.#seats;
    try {
      if (first === undefined) throw new Error('bug: a module has no process');
      const opened = await first.open();
      await Promise.all(others.map((seat) => seat.open()));
      return opened;
    } catch (error) {
      await this[Symbol.asyncDispose]();
      throw error;
    }
  }

  run(step: ProcessingStep, call: CallContext): Promise<ProcessedTensors> {
    if (this.#closed) return Promise.reject(closed());
    if (call.cancelled) return Promise.reject(callerGone());
    if (this.#jobs.size >= mostWaiting) return Promise.reject(busy());
    const { promise, resolve, reject } = Promise.withResolvers<ProcessedTensors>();
    const job: Job = { step, call, resolve, reject, previous: undefined, next: undefined };
    this.#jobs.push(job);
    call.onCancelled(() => {
      this.#jobs.remove(job);
      reject(callerGone());
    });
    this.#next();
    return promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (let job = this.#take(); job !== undefined; job = this.#take()) job.reject(closed());
    await Promise.all(this.#seats.map((seat) => seat[Symbol.asyncDispose]()));
  }

  #take(): Job | undefined {
    const job = this.#jobs.first;
    if (job === undefined) return undefined;
    this.#jobs.remove(job);
    // From here on it is finished, whoever waits: its process cannot be interrupted for less than its life.
    job.call.onCancelled(undefined);
    return job;
  }

  #next(): void {
    for (const seat of this.#seats) {
      if (!seat.idle) continue;
      const job = this.#take();
      if (job === undefined) return;
      seat.run(job.step).then(job.resolve, (error: unknown) => job.reject(ServingError.from(error)));
    }
    const waitMs = Math.min(...this.#seats.map((seat) => seat.downForMs));
    if (waitMs === 0) return;
    for (let job = this.#take(); job !== undefined; job = this.#take()) job.reject(down(waitMs));
  }
}
