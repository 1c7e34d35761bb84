import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { extname } from 'node:path';
import { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { ServingError } from '../errors.ts';
import type { Batch, BatchResult, SessionMetadata } from '../inference/executor.ts';
import type { Clock } from '../util/clock.ts';
import { noteClosed } from '../util/closed-sessions.ts';
import { executorHung, executorLost } from './executor-errors.ts';
import { FrameBuffer } from './frame-buffer.ts';
import { FrameReader } from './frame-reader.ts';
import {
  frameDescriptor,
  frameKinds,
  headerBytes,
  jsonFrame,
  readFailed,
  readOpened,
  readOutputFrame,
  writeHeader,
} from './process-frames.ts';
import { largestSlotBytes, RequestWriter } from './request-slot.ts';
import { computesOnOneThread } from './session-options.ts';
import { openedUnless } from './session-thread.ts';
import type { OpeningSession, SessionThread, SessionThreadOptions } from './session-thread.ts';

/** Runs from source as well as from the build: bundled names are not rewritten. */
const defaultProgram = new URL(`./process-worker${extname(import.meta.filename)}`, import.meta.url);

/** A process that was told to end computes for nobody any more; below the 5 s that a stopping server waits for its models. */
const closeLimitMs = 3_000;

/** As `startSessionThread`, in a process of its own. @throws the same */
export async function startSessionProcess(
  options: SessionThreadOptions,
  signal?: AbortSignal,
): Promise<SessionThread> {
  return openedUnless(signal, () => new SessionProcess(options));
}

interface Waiting {
  readonly names: readonly string[];
  readonly inputMs: number;
  readonly resolve: (result: BatchResult) => void;
  readonly reject: (error: ServingError) => void;
}

/**
 * A process with an open session, one life of it. What ends the process, an abort in native code or a signal, is an exit here
 * and nothing else; unlike a thread, it can be killed in the middle of a run.
 */
class SessionProcess implements OpeningSession {
  readonly opened: Promise<void>;
  readonly exited: Promise<void>;
  metadata: SessionMetadata = { inputs: [], outputs: [] };
  openCpuMs = 0;
  readonly #clock: Clock;
  readonly #child: ChildProcess;
  readonly #socket: Duplex;
  readonly #buffer = new FrameBuffer();
  readonly #opening = Promise.withResolvers<void>();
  readonly #exit = Promise.withResolvers<void>();
  #writer: RequestWriter | undefined = undefined;
  #waiting: Waiting | undefined = undefined;
  #state: 'opening' | 'open' | 'closing' | 'exited' = 'opening';
  #failure: unknown = undefined;
  #openError: ServingError | undefined = undefined;
  #exitListener: ((cause: unknown) => void) | undefined = undefined;
  #killTimer: Disposable | undefined = undefined;

  constructor({ modelPath, session, clock, workerUrl }: SessionThreadOptions) {
    this.#clock = clock;
    this.opened = this.#opening.promise;
    this.exited = this.#exit.promise;
    this.#child = spawn(process.execPath, [fileURLToPath(workerUrl ?? defaultProgram)], {
      // Its log is the server's: whatever native code prints goes where that of threads does.
      stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
    });
    const socket = this.#child.stdio[frameDescriptor];
    if (!(socket instanceof Duplex)) throw new Error('bug: a session process without its socket');
    this.#socket = socket;
    const reader = new FrameReader((kind, body) => this.#receive(kind, body));
    socket.on('data', (chunk: Buffer) => this.#guard(() => reader.push(chunk)));
    // Told by its exit.
    socket.on('error', () => undefined);
    this.#child.on('error', (error) => this.#onExit(error));
    this.#child.on('close', (code, signal) => this.#onExit(this.#failure ?? endOf(code, signal)));
    const setup = { modelPath, options: session, oneThread: computesOnOneThread(session) };
    socket.write(jsonFrame(frameKinds.setup, setup));
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  onExit(listener: (cause: unknown) => void): void {
    this.#exitListener = listener;
  }

  run(batch: Batch): Promise<BatchResult> {
    if (this.#state !== 'open' || this.#waiting !== undefined || this.#writer === undefined) {
      throw new Error('bug: a batch was given to a process that cannot take one');
    }
    const startedAt = this.#clock.now();
    const frame = this.#frameOf(batch, this.#writer);
    const inputMs = this.#clock.now() - startedAt;
    const result = new Promise<BatchResult>((resolve, reject) => {
      this.#waiting = { names: batch.outputs, inputMs, resolve, reject };
    });
    this.#socket.write(frame);
    return result;
  }

  close(): void {
    if (this.#state === 'exited' || this.#state === 'closing') return;
    this.#state = 'closing';
    const frame = Buffer.alloc(headerBytes);
    writeHeader(frame, { kind: frameKinds.close, sizeBytes: 0 });
    this.#socket.write(frame);
    this.#killTimer = this.#clock.after(closeLimitMs, () => this.#child.kill('SIGKILL'));
  }

  abandon(): void {
    if (this.#state !== 'exited') this.#state = 'closing';
    this.#child.kill('SIGKILL');
    this.#take()?.reject(executorHung());
  }

  /** The memory is free again once the batch is answered: by then all of it has been read. */
  #frameOf(batch: Batch, writer: RequestWriter): Buffer {
    const sizeBytes = writer.sizeBytes(batch);
    if (sizeBytes > largestSlotBytes) {
      throw new ServingError('resource_exhausted', `a batch may not exceed ${largestSlotBytes} bytes`);
    }
    const frame = this.#buffer.fit(headerBytes + sizeBytes);
    const body = frame.subarray(headerBytes);
    const words = new Float64Array(frame.buffer, headerBytes, Math.floor(body.byteLength / 8));
    writeHeader(frame, { kind: frameKinds.batch, sizeBytes });
    writer.write(batch, words, body);
    return frame.subarray(0, headerBytes + sizeBytes);
  }

  #receive(kind: number, body: Buffer): void {
    switch (kind) {
      case frameKinds.outputs: {
        const waiting = this.#waiting;
        // A batch that was given up may be answered before the process is gone.
        if (waiting === undefined) return;
        const result = readOutputFrame(body, waiting.names, waiting.inputMs);
        this.#take();
        waiting.resolve(result);
        return;
      }
      case frameKinds.failed:
        if (this.#writer === undefined) this.#openError = readFailed(body);
        else this.#take()?.reject(readFailed(body));
        return;
      case frameKinds.opened: {
        const { metadata, openCpuMs } = readOpened(body);
        this.metadata = metadata;
        this.openCpuMs = openCpuMs;
        this.#writer = new RequestWriter(metadata);
        if (this.#state === 'opening') this.#state = 'open';
        this.#opening.resolve();
        return;
      }
      default:
        throw new Error('the session process sent a frame of an unknown kind');
    }
  }

  /** What cannot be understood comes from a process whose memory is damaged: it is ended. */
  #guard(read: () => void): void {
    if (this.#failure !== undefined) return;
    try {
      read();
    } catch (thrown) {
      this.#failure = thrown;
      this.#child.kill('SIGKILL');
    }
  }

  #take(): Waiting | undefined {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    return waiting;
  }

  #onExit(cause: unknown): void {
    if (this.#state === 'exited') return;
    const asked = this.#state === 'closing';
    this.#state = 'exited';
    this.#killTimer?.[Symbol.dispose]();
    this.#socket.destroy();
    this.#exitListener?.(asked ? undefined : cause);
    this.#take()?.reject(executorLost(cause));
    this.#opening.reject(this.#openError ?? executorLost(cause));
    this.#exit.resolve();
    noteClosed();
  }
}

function endOf(code: number | null, signal: NodeJS.Signals | null): Error {
  return new Error(
    signal === null ? `the process ended with code ${code}` : `the process ended by signal ${signal}`,
  );
}
