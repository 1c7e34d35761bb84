import { readSync, writeSync, writevSync } from 'node:fs';
import { FrameBuffer } from './frame-buffer.ts';
import { headerBytes, readHeader } from './process-frames.ts';

/** One call moves at most so much; Linux stops at 2 GiB. */
const largestTransferBytes = 2 ** 30;

/** Frames on a blocking socket: the thread that reads sleeps until one is there. */
export class BlockingFrames {
  readonly #descriptor: number;
  readonly #header = Buffer.alloc(headerBytes);
  readonly #buffer = new FrameBuffer();
  /** Body of the frame that `next` found; valid until the next one. */
  body: Buffer<ArrayBuffer> = this.#buffer.fit(0);

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  /** @returns the kind of the next frame; undefined when the other side is gone. */
  next(): number | undefined {
    if (!this.#fill(this.#header)) return undefined;
    const { kind, sizeBytes } = readHeader(this.#header);
    this.body = this.#buffer.fit(sizeBytes).subarray(0, sizeBytes);
    return this.#fill(this.body) ? kind : undefined;
  }

  /** Returns once all of it is written. @throws when the other side is gone. */
  write(pieces: readonly Uint8Array[]): void {
    let written = writevSync(this.#descriptor, pieces);
    for (const piece of pieces) {
      for (let at = Math.min(written, piece.byteLength); at < piece.byteLength;) {
        const sizeBytes = Math.min(piece.byteLength - at, largestTransferBytes);
        const more = writeSync(this.#descriptor, piece, at, sizeBytes);
        at += more;
        written += more;
      }
      written -= piece.byteLength;
    }
  }

  #fill(target: Uint8Array): boolean {
    for (let filled = 0; filled < target.byteLength;) {
      const wanted = Math.min(target.byteLength - filled, largestTransferBytes);
      const read = this.#read(target, filled, wanted);
      if (read === 0) return false;
      filled += read;
    }
    return true;
  }

  #read(target: Uint8Array, offset: number, sizeBytes: number): number {
    for (;;) {
      try {
        return readSync(this.#descriptor, target, offset, sizeBytes, null);
      } catch (error) {
        // A signal came; those for the server's whole group are not meant for this process.
        if (!(error instanceof Error && 'code' in error && error.code === 'EINTR')) throw error;
      }
    }
  }
}
