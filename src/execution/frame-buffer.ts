const smallestBytes = 4_096;
/** A buffer that this many frames in a row filled to less than a quarter is replaced by a smaller one. */
const patience = 256;

/** Memory for one frame at a time: grows to the next power of two on demand, shrinks when long unused. */
export class FrameBuffer {
  #bytes = Buffer.from(new ArrayBuffer(0));
  #oversized = 0;

  /** At least so many bytes, the same memory as long as it suits; what stood there before may be gone. */
  fit(sizeBytes: number): Buffer<ArrayBuffer> {
    const capacity = this.#bytes.byteLength;
    this.#oversized = capacity > smallestBytes && sizeBytes < capacity / 4 ? this.#oversized + 1 : 0;
    if (sizeBytes <= capacity && this.#oversized < patience) return this.#bytes;
    this.#oversized = 0;
    const wanted = Math.max(smallestBytes, 2 ** Math.ceil(Math.log2(sizeBytes)));
    this.#bytes = Buffer.from(new ArrayBuffer(wanted));
    return this.#bytes;
  }
}
