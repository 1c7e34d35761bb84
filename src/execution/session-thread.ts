import { extname } from 'node:path';
import { MessageChannel, Worker, receiveMessageOnPort } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import { ServingError } from '../errors.ts';
import type { Batch, BatchResult, SessionMetadata } from '../inference/executor.ts';
import type { Clock } from '../util/clock.ts';
import { noteClosed } from '../util/closed-sessions.ts';
import { executorHung, executorLost } from './executor-errors.ts';
import { batchDone, bell, fromErrorMessage } from './messages.ts';
import type { FromWorker, ThreadSetup, ToWorker } from './messages.ts';
import type { NativeOptions } from './native-binding.ts';
import { readReply, type ReplySlots } from './reply-slot.ts';
import { RequestSlot } from './request-slot.ts';
import { computesOnOneThread } from './session-options.ts';

/** A thread or process with an open session, as the supervising executor sees it: one life, from start to exit. */
export interface SessionThread {
  readonly metadata: SessionMetadata;
  /** What opening the session cost the thread. */
  readonly openCpuMs: number;
  /** Of a process of its own. */
  readonly pid?: number | undefined;
  /** One at a time. Rejects with unavailable when the thread ends before it answers. */
  run(batch: Batch): Promise<BatchResult>;
  /** Fails the running batch, which is taken never to end. A thread ends by itself if that batch ever does, a process at once. */
  abandon(): void;
  /** Ends the thread after the batch it works on. Never ends a busy thread by force: that would abort the process. */
  close(): void;
  /** Called once, before the running batch is failed. The cause is undefined after `close`. */
  onExit(listener: (cause: unknown) => void): void;
}

export interface SessionThreadOptions {
  readonly modelPath: string;
  readonly session: NativeOptions;
  readonly clock: Clock;
  /** Where a thread gets its reply slot and leaves it behind. */
  readonly replies: ReplySlots;
  /** The file that the thread or process runs; tests give one that misbehaves. */
  readonly workerUrl?: URL;
}

/** Runs from source as well as from the build: bundled names are not rewritten. */
const defaultWorkerUrl = new URL(`./worker${extname(import.meta.filename)}`, import.meta.url);

/** In MiB, of which V8 uses two thirds: there may be a thread for each model, and little is allocated for a batch. */
const maxYoungGenerationSizeMb = 3;

/**
 * Starts a thread and opens its session. Nothing is left on failure.
 *
 * @throws ServingError of load-error.ts, unavailable when the thread dies, cancelled when `signal` fires meanwhile.
 */
export async function startSessionThread(
  options: SessionThreadOptions,
  signal?: AbortSignal,
): Promise<SessionThread> {
  return openedUnless(signal, () => new WorkerSessionThread(options));
}

/** A session on its way: `opened` rejects when it ends before. */
export interface OpeningSession extends SessionThread {
  readonly opened: Promise<void>;
  readonly exited: Promise<void>;
}

/** Starts a session and waits until it is open; closes it when `signal` fires before. */
export async function openedUnless(
  signal: AbortSignal | undefined,
  begin: () => OpeningSession,
): Promise<SessionThread> {
  if (isAborted(signal)) throw cancelled();
  const session = begin();
  const close = () => session.close();
  signal?.addEventListener('abort', close, { once: true });
  try {
    await session.opened;
  } catch (error) {
    throw isAborted(signal) ? cancelled() : error;
  } finally {
    signal?.removeEventListener('abort', close);
  }
  if (isAborted(signal)) {
    await session.exited;
    throw cancelled();
  }
  return session;
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

function cancelled(): ServingError {
  return new ServingError('cancelled', 'the load was cancelled');
}

interface Waiting {
  readonly names: readonly string[];
  readonly inputMs: number;
  readonly resolve: (result: BatchResult) => void;
  readonly reject: (error: ServingError) => void;
}

class WorkerSessionThread implements OpeningSession {
  readonly opened: Promise<void>;
  readonly exited: Promise<void>;
  metadata: SessionMetadata = { inputs: [], outputs: [] };
  openCpuMs = 0;
  readonly #clock: Clock;
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #bell = new Int32Array(new SharedArrayBuffer(bell.words * Int32Array.BYTES_PER_ELEMENT));
  readonly #replies: ReplySlots;
  readonly #reply: SharedArrayBuffer;
  readonly #opening = Promise.withResolvers<void>();
  readonly #exit = Promise.withResolvers<void>();
  #slot: RequestSlot | undefined = undefined;
  #waiting: Waiting | undefined = undefined;
  #state: 'opening' | 'open' | 'closing' | 'exited' = 'opening';
  #failure: unknown = undefined;
  #openError: ServingError | undefined = undefined;
  #exitListener: ((cause: unknown) => void) | undefined = undefined;

  constructor({ modelPath, session, clock, replies, workerUrl }: SessionThreadOptions) {
    this.#clock = clock;
    this.#replies = replies;
    this.#reply = replies.take();
    this.opened = this.#opening.promise;
    this.exited = this.#exit.promise;
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    const setup: ThreadSetup = {
      modelPath,
      options: session,
      oneThread: computesOnOneThread(session),
      port: port2,
      bell: this.#bell.buffer,
      reply: this.#reply,
    };
    this.#worker = new Worker(workerUrl ?? defaultWorkerUrl, {
      workerData: setup,
      transferList: [port2],
      resourceLimits: { maxYoungGenerationSizeMb },
    });
    this.#worker.on('error', (error) => {
      this.#failure = error;
    });
    this.#worker.on('exit', (code) => this.#onWorkerExit(code));
    port1.on('message', (message: FromWorker) => this.#receive(message));
  }

  onExit(listener: (cause: unknown) => void): void {
    this.#exitListener = listener;
  }

  run(batch: Batch): Promise<BatchResult> {
    if (this.#state !== 'open' || this.#waiting !== undefined || this.#slot === undefined) {
      throw new Error('bug: a batch was given to a thread that cannot take one');
    }
    const startedAt = this.#clock.now();
    const replaced = this.#slot.write(batch);
    if (replaced !== undefined) this.#post({ kind: 'slot', slot: replaced });
    const inputMs = this.#clock.now() - startedAt;
    const result = new Promise<BatchResult>((resolve, reject) => {
      this.#waiting = { names: batch.outputs, inputMs, resolve, reject };
    });
    Atomics.add(this.#bell, bell.batches, 1);
    this.#ring();
    return result;
  }

  close(): void {
    if (this.#state === 'exited' || this.#state === 'closing') return;
    this.#state = 'closing';
    this.#post({ kind: 'close' });
    this.#ring();
  }

  abandon(): void {
    this.close();
    this.#take()?.reject(executorHung());
  }

  #ring(): void {
    Atomics.add(this.#bell, bell.rings, 1);
    Atomics.notify(this.#bell, bell.rings, 1);
  }

  #post(message: ToWorker): void {
    this.#port.postMessage(message, []);
    Atomics.add(this.#bell, bell.messages, 1);
  }

  #receive(message: FromWorker): void {
    if (message === batchDone) {
      this.#succeed([]);
      return;
    }
    switch (message.kind) {
      case 'outputs':
        this.#succeed(message.buffers);
        return;
      case 'failed':
        this.#take()?.reject(fromErrorMessage(message.error));
        return;
      case 'opened':
        this.metadata = message.metadata;
        this.openCpuMs = message.openCpuMs;
        this.#slot = new RequestSlot(message.metadata);
        if (this.#state === 'opening') this.#state = 'open';
        this.#opening.resolve();
        return;
      case 'open-failed':
        this.#openError = fromErrorMessage(message.error);
    }
  }

  #succeed(buffers: readonly ArrayBuffer[]): void {
    const waiting = this.#take();
    waiting?.resolve(readReply(this.#reply, waiting.names, buffers, waiting.inputMs));
  }

  #take(): Waiting | undefined {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    return waiting;
  }

  #onWorkerExit(code: number): void {
    // What the thread said last may still wait in the port: its exit is told by another way and may overtake it.
    for (
      let last = receiveMessageOnPort(this.#port);
      last !== undefined;
      last = receiveMessageOnPort(this.#port)
    ) {
      this.#receive(last.message);
    }
    this.#port.close();
    this.#replies.giveBack(this.#reply);
    const asked = this.#state === 'closing';
    this.#state = 'exited';
    const cause = this.#failure ?? (asked ? undefined : new Error(`the thread ended with code ${code}`));
    this.#exitListener?.(asked ? undefined : cause);
    this.#take()?.reject(executorLost(cause));
    this.#opening.reject(this.#openError ?? executorLost(cause));
    this.#exit.resolve();
    noteClosed();
  }
}
