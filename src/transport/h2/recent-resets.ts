const remembered = 1024;

/**
 * Ids of streams that we reset lately. Frames for them may still be on their way and are ignored (RFC 9113, section
 * 5.1); frames for streams that the peer closed itself are errors.
 */
export class RecentResets {
  #ids: Int32Array | undefined = undefined;
  #next = 0;

  add(streamId: number): void {
    this.#ids ??= new Int32Array(remembered);
    this.#ids[this.#next] = streamId;
    this.#next = (this.#next + 1) % remembered;
  }

  /** The peer has closed the stream too: nothing more of it can be on its way. */
  delete(streamId: number): void {
    const at = this.#ids?.indexOf(streamId) ?? -1;
    if (this.#ids !== undefined && at >= 0) this.#ids[at] = 0;
  }

  has(streamId: number): boolean {
    return this.#ids?.includes(streamId) ?? false;
  }
}
