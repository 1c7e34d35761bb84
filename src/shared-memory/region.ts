import { fstatSync, readSync, writeSync } from 'node:fs';
import type { SystemRegion } from '../inference/shared-memory.ts';
import { noteReceived } from '../util/received-bytes.ts';
import { refuse } from './refusals.ts';

/** Linux moves no more than 2 GiB at a time. */
const maxMoveBytes = 2 ** 30;

/** A registered region as threads tell each other of it. File descriptors belong to the process. */
export interface RegionHandle extends SystemRegion {
  readonly id: number;
  /** The principal's name that may use it. */
  readonly owner: string;
  /** Closed by the thread that opened it, when no thread uses the region any more. */
  readonly fd: number;
}

/**
 * One thread's use of a region. Reading and writing by position copies to and from the object's own pages, as a mapping
 * would, and a file that has become shorter is an error instead of a signal.
 */
export class Region {
  readonly handle: RegionHandle;
  #holds = 0;
  #idle: PromiseWithResolvers<void> | undefined = undefined;

  constructor(handle: RegionHandle) {
    this.handle = handle;
  }

  /** Keeps it usable until `release`, also when it is unregistered meanwhile. */
  hold(): void {
    this.#holds++;
  }

  release(): void {
    this.#holds--;
    if (this.#holds === 0) this.#idle?.resolve();
  }

  /** Resolves when nobody holds it. It must have been unregistered: nobody holds it again. */
  idle(): Promise<void> {
    if (this.#holds === 0) return Promise.resolve();
    this.#idle ??= Promise.withResolvers();
    return this.#idle.promise;
  }

  /** A copy. The range has been checked. @throws failed_precondition when the object has become shorter. */
  read(offset: number, sizeBytes: number): Buffer {
    const { fd, name } = this.handle;
    noteReceived(sizeBytes);
    const target = Buffer.allocUnsafe(sizeBytes);
    const start = this.handle.offset + offset;
    let done = 0;
    while (done < sizeBytes) {
      const size = Math.min(sizeBytes - done, maxMoveBytes);
      const moved = readSync(fd, target, done, size, start + done);
      if (moved === 0) throw refuse.truncated(name);
      done += moved;
    }
    return target;
  }

  /** The range has been checked. @throws failed_precondition, resource_exhausted; part of it may be written then. */
  write(offset: number, source: Uint8Array): void {
    const { fd, name } = this.handle;
    const start = this.handle.offset + offset;
    const end = start + source.length;
    // Writing behind its end would make the file longer again.
    if (fstatSync(fd).size < end) throw refuse.truncated(name);
    try {
      let done = 0;
      while (done < source.length) {
        const size = Math.min(source.length - done, maxMoveBytes);
        done += writeSync(fd, source, done, size, start + done);
      }
    } catch (cause) {
      throw isFull(cause) ? refuse.full(name, cause) : refuse.unusable(name, cause);
    }
  }
}

function isFull(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && (cause.code === 'ENOSPC' || cause.code === 'ENOMEM');
}
