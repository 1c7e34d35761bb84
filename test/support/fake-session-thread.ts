import { ServingError } from '../../src/errors.ts';
import type { SessionThread } from '../../src/execution/session-thread.ts';
import type { BatchResult, SessionMetadata } from '../../src/inference/executor.ts';

/** A session thread that does only what the test says. */
export class FakeSessionThread implements SessionThread {
  readonly metadata: SessionMetadata = { inputs: [], outputs: [] };
  readonly openCpuMs = 1;
  closeAsked = false;
  /** Ends at once when asked to close and nothing runs, as the real one; false: stays. */
  obedient = true;
  #pending: PromiseWithResolvers<BatchResult> | undefined = undefined;
  #exitListener: ((cause: unknown) => void) | undefined = undefined;

  run(): Promise<BatchResult> {
    this.#pending = Promise.withResolvers<BatchResult>();
    return this.#pending.promise;
  }

  close(): void {
    this.closeAsked = true;
    this.#leaveIfDone();
  }

  abandon(): void {
    this.closeAsked = true;
    this.#pending?.reject(new ServingError('unavailable', 'hung', { reason: 'EXECUTOR_HUNG' }));
  }

  onExit(listener: (cause: unknown) => void): void {
    this.#exitListener = listener;
  }

  get busy(): boolean {
    return this.#pending !== undefined;
  }

  /** The running batch succeeds. */
  finish(inferMs = 1, cpuMs?: number): void {
    this.#take()?.resolve({ outputs: [], inputMs: 0, inferMs, outputMs: 0, cpuMs });
    this.#leaveIfDone();
  }

  /** The running batch fails. */
  fail(error: ServingError): void {
    this.#take()?.reject(error);
  }

  /** The thread is lost, with what it ran. */
  crash(cause: unknown): void {
    this.#exitListener?.(cause);
    this.#take()?.reject(new ServingError('unavailable', 'lost'));
  }

  #leaveIfDone(): void {
    if (this.closeAsked && this.obedient && !this.busy) this.#exitListener?.(undefined);
  }

  #take(): PromiseWithResolvers<BatchResult> | undefined {
    const pending = this.#pending;
    this.#pending = undefined;
    return pending;
  }
}
