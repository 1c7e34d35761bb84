import { fork, type ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FromModule, ToModule } from './messages.ts';
import { checkMessage } from './check-messages.ts';

/** One life of a module's process, from start to exit. */
export interface ModuleProcess {
  /** One at a time. Rejects when the process ends first, or says what is no message. */
  ask(message: ToModule): Promise<FromModule>;
  /** What it holds now, in bytes; 0 where the operating system does not tell. */
  heldBytes(): Promise<number>;
  /** Ends it at once, whatever it does. Idempotent. */
  kill(): void;
  /** Resolves when it is gone, with why. */
  readonly exited: Promise<unknown>;
}

/** @param memoryBytes caps the heap; what lies outside of the heap is for the caller to watch. */
export type StartModuleProcess = (memoryBytes: number) => ModuleProcess;

/** Runs from source as well as from the build: bundled names are not rewritten. */
const entry = fileURLToPath(new URL(`./child${extname(import.meta.filename)}`, import.meta.url));

const mebibyte = 1024 * 1024;

/**
 * A process and not a thread: one array that is too large ends the whole process of a thread (V8 has no way to fail it),
 * and native code that does not return can only be ended with its process.
 */
export const startModuleProcess: StartModuleProcess = (memoryBytes) => new ForkedModule(memoryBytes);

class ForkedModule implements ModuleProcess {
  readonly exited: Promise<unknown>;
  readonly #child: ChildProcess;
  #waiting: PromiseWithResolvers<FromModule> | undefined = undefined;
  #gone: Error | undefined = undefined;

  constructor(memoryBytes: number) {
    this.#child = fork(entry, [], {
      execArgv: [`--max-old-space-size=${Math.ceil(memoryBytes / mebibyte)}`],
      serialization: 'advanced',
      // What a module prints goes where people read; the log's lines on stdout stay whole.
      stdio: ['ignore', 2, 2, 'ipc'],
    });
    const exit = Promise.withResolvers<unknown>();
    this.exited = exit.promise;
    this.#child.on('message', (message) => this.#receive(message));
    this.#child.on('error', (error) => exit.resolve(this.#end(error)));
    this.#child.on('exit', (code, signal) =>
      exit.resolve(this.#end(new Error(`the process ended with ${signal ?? `code ${code}`}`))),
    );
  }

  ask(message: ToModule): Promise<FromModule> {
    if (this.#gone !== undefined) return Promise.reject(this.#gone);
    if (this.#waiting !== undefined) throw new Error('bug: a module was asked before it answered');
    this.#waiting = Promise.withResolvers<FromModule>();
    // A channel that breaks is seen by the end of the process.
    this.#child.send(message, () => undefined);
    return this.#waiting.promise;
  }

  async heldBytes(): Promise<number> {
    const { pid } = this.#child;
    if (process.platform !== 'linux' || pid === undefined) return 0;
    const text = await readFile(`/proc/${pid}/statm`, 'latin1').catch(() => '');
    return Number(text.split(' ')[1] ?? 0) * pageBytes;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #receive(message: unknown): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    try {
      const checked = checkMessage(message);
      waiting?.resolve(checked);
    } catch (error) {
      waiting?.reject(error);
    }
  }

  #end(cause: Error): Error {
    this.#gone ??= cause;
    this.#waiting?.reject(this.#gone);
    this.#waiting = undefined;
    return this.#gone;
  }
}

/** Of all architectures that Node runs on here, in /proc's unit; those with larger pages are watched more strictly. */
const pageBytes = 4096;
