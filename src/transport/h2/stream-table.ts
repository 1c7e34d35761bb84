import { RecentResets } from './recent-resets.ts';
import type { H2Stream } from './stream.ts';

/** The streams of a connection, and what is known of those that are gone. */
export class StreamTable {
  /** The highest id that the peer has used. */
  lastId = 0;
  /** Streams that are over while their handlers still work: they count against the limit of concurrent ones. */
  lingering = 0;
  readonly #streams = new Map<number, H2Stream>();
  readonly #recentResets = new RecentResets();
  #latest: H2Stream | undefined = undefined;

  get size(): number {
    return this.#streams.size;
  }

  get busy(): number {
    return this.#streams.size + this.lingering;
  }

  get(streamId: number): H2Stream | undefined {
    const latest = this.#latest;
    if (latest !== undefined && latest.id === streamId) return latest;
    return this.#streams.get(streamId);
  }

  all(): Iterable<H2Stream> {
    return this.#streams.values();
  }

  add(stream: H2Stream): void {
    this.#streams.set(stream.id, stream);
    this.#latest = stream;
  }

  /** Takes the stream out; it is over from now on. */
  remove(stream: H2Stream): void {
    if (this.#latest === stream) this.#latest = undefined;
    this.#streams.delete(stream.id);
    stream.leave();
  }

  /** Frames for this stream may still arrive and are to be ignored. */
  rememberReset(streamId: number): void {
    this.#recentResets.add(streamId);
  }

  wasReset(streamId: number): boolean {
    return this.#recentResets.has(streamId);
  }
}
