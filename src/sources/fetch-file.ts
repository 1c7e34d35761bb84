import { createHash, type Hash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { ServingError } from '../errors.ts';
import type { Clock } from '../util/clock.ts';
import { printable } from '../util/printable.ts';
import { orAborted } from './or-aborted.ts';
import type { RemoteFile } from './origin.ts';
import { pause } from './pause.ts';
import { sourceRefused, sourceUnreachable } from './refusals.ts';
import { SteadyFlow } from './steady-flow.ts';

export interface FetchTools {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** No file may have more, whatever its source claims. */
  readonly limitBytes: number;
  readonly onBytes: (count: number) => void;
}

const mostAttempts = 4;
const firstPauseMs = 500;

/**
 * Fetches a file into a new one, goes on where a connection broke off, and checks size and digest.
 *
 * @param target must not exist; what is left of it after a failure is of no use.
 * @returns hex sha256 of the content.
 * @throws ServingError SOURCE_REFUSED for another size or digest than the source tells; what the last attempt failed with.
 */
export async function fetchFile(file: RemoteFile, target: string, tools: FetchTools): Promise<string> {
  await using handle = await open(target, 'wx', 0o644);
  const download = new Download(file, handle, tools);
  for (let attempt = 1; ; attempt++) {
    try {
      await download.run();
      break;
    } catch (error) {
      const passes = !(error instanceof ServingError) || error.code === 'unavailable';
      tools.signal.throwIfAborted();
      if (!passes || attempt === mostAttempts) throw error;
      await pause(firstPauseMs * 2 ** attempt * (0.5 + Math.random()), tools);
      if (!file.resumable) await download.restart();
    }
  }
  download.check();
  await handle.sync();
  return download.sha256();
}

class Download {
  readonly #file: RemoteFile;
  readonly #handle: FileHandle;
  readonly #tools: FetchTools;
  #sha256 = createHash('sha256');
  /** Only where the source tells a digest of another kind. */
  #other: Hash | undefined = undefined;
  #bytes = 0;
  #hex = '';

  constructor(file: RemoteFile, handle: FileHandle, tools: FetchTools) {
    this.#file = file;
    this.#handle = handle;
    this.#tools = tools;
    this.#begin();
  }

  #begin(): void {
    const { digest, sizeBytes = 0 } = this.#file;
    this.#sha256 = createHash('sha256');
    this.#other = undefined;
    if (digest?.algorithm === 'md5') this.#other = createHash('md5');
    if (digest?.algorithm === 'git-blob') this.#other = createHash('sha1').update(`blob ${sizeBytes}\0`);
    this.#bytes = 0;
  }

  async restart(): Promise<void> {
    await this.#handle.truncate(0);
    this.#begin();
  }

  async run(): Promise<void> {
    const { sizeBytes } = this.#file;
    // Everything came, and then the connection broke.
    if (sizeBytes !== undefined && sizeBytes > 0 && this.#bytes === sizeBytes) return;
    const { clock, signal, onBytes } = this.#tools;
    const stream = await this.#open();
    const abort = (): void => void stream.destroy(sourceUnreachable('the fetch was given up'));
    signal.addEventListener('abort', abort, { once: true });
    using flow = new SteadyFlow(stream, clock);
    try {
      for await (const chunk of stream) {
        const bytes = chunk as Buffer;
        flow.count(bytes.byteLength);
        onBytes(bytes.byteLength);
        await this.#take(bytes);
      }
    } finally {
      signal.removeEventListener('abort', abort);
      stream.destroy();
    }
    if (sizeBytes !== undefined && this.#bytes < sizeBytes)
      throw sourceUnreachable(`${this.#name()} ended too soon`);
  }

  /** A source that accepts connections and then says nothing is waited for no longer than one that trickles. */
  async #open(): Promise<Readable> {
    const { clock, signal } = this.#tools;
    const late = new AbortController();
    using _timer = clock.after(60_000, () =>
      late.abort(sourceUnreachable(`${this.#name()} was not answered in 60 s`)),
    );
    const both = AbortSignal.any([signal, late.signal]);
    both.throwIfAborted();
    const opening = this.#file.open({ offset: this.#bytes, signal: both });
    try {
      return await orAborted(opening, both);
    } catch (error) {
      // It may come all the same, and nobody reads it any more.
      opening.then((stream) => stream.destroy()).catch(() => undefined);
      throw error;
    }
  }

  async #take(bytes: Buffer): Promise<void> {
    const { sizeBytes } = this.#file;
    const { limitBytes } = this.#tools;
    if (this.#bytes + bytes.byteLength > Math.min(sizeBytes ?? limitBytes, limitBytes)) {
      throw sourceRefused(
        sizeBytes === undefined
          ? `${this.#name()} has more than the ${limitBytes} bytes that are left of --source-max-bytes`
          : `${this.#name()} has more than the ${sizeBytes} bytes that its source tells`,
      );
    }
    let done = 0;
    while (done < bytes.byteLength) {
      const { bytesWritten } = await this.#handle.write(
        bytes,
        done,
        bytes.byteLength - done,
        this.#bytes + done,
      );
      done += bytesWritten;
    }
    this.#sha256.update(bytes);
    this.#other?.update(bytes);
    this.#bytes += bytes.byteLength;
  }

  check(): void {
    this.#hex = this.#sha256.digest('hex');
    const { digest } = this.#file;
    if (digest === undefined) return;
    const actual = digest.algorithm === 'sha256' ? this.#hex : (this.#other?.digest('hex') ?? '');
    if (actual !== digest.hex.toLowerCase()) {
      throw sourceRefused(
        `${this.#name()} has the ${digest.algorithm} ${actual}, and its source tells ${printable(digest.hex, 130)}`,
      );
    }
  }

  sha256(): string {
    return this.#hex;
  }

  #name(): string {
    return `'${printable(this.#file.path, 200)}'`;
  }
}
