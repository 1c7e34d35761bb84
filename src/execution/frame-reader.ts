import { headerBytes, readHeader } from './process-frames.ts';

/** Makes frames of the pieces in which a socket delivers them. */
export class FrameReader {
  readonly #onFrame: (kind: number, body: Buffer) => void;
  readonly #header = Buffer.alloc(headerBytes);
  #headerFilled = 0;
  #kind = 0;
  /** Of a frame that has not come as a whole. */
  #body: Buffer | undefined = undefined;
  #bodyFilled = 0;

  /** @param onFrame owns the body. */
  constructor(onFrame: (kind: number, body: Buffer) => void) {
    this.#onFrame = onFrame;
  }

  /** @throws Error for what is no frame; nothing more may be pushed then. */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.byteLength) {
      if (this.#body === undefined) {
        const taken = chunk.copy(this.#header, this.#headerFilled, at, at + headerBytes - this.#headerFilled);
        this.#headerFilled += taken;
        at += taken;
        if (this.#headerFilled < headerBytes) return;
        at += this.#begin(chunk, at);
        continue;
      }
      const taken = chunk.copy(this.#body, this.#bodyFilled, at);
      this.#bodyFilled += taken;
      at += taken;
      if (this.#bodyFilled === this.#body.byteLength) this.#end(this.#body);
    }
  }

  /** A body that lies in the chunk as a whole, at a multiple of eight bytes, stays there. @returns what it took of the chunk. */
  #begin(chunk: Buffer, at: number): number {
    const { kind, sizeBytes } = readHeader(this.#header);
    this.#kind = kind;
    this.#bodyFilled = 0;
    const whole = at + sizeBytes <= chunk.byteLength && (chunk.byteOffset + at) % 8 === 0;
    if (!whole && sizeBytes > 0) {
      this.#body = Buffer.allocUnsafeSlow(sizeBytes);
      return 0;
    }
    this.#end(chunk.subarray(at, at + sizeBytes));
    return sizeBytes;
  }

  #end(body: Buffer): void {
    this.#body = undefined;
    this.#headerFilled = 0;
    this.#onFrame(this.#kind, body);
  }
}
