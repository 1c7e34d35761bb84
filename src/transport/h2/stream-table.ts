import { RecentResets } from './recent-resets.ts';
import type { H2Stream } from './stream.ts';

const initialBuckets = 16;

/**
 * The streams of a connection, and what is known of those that are gone.
 *
 * Not a Map: V8's Map, when it makes room, leaves its old table pointing to the new one. Once such a table has lived long
 * enough to be promoted, every later table and all streams in them are promoted with it, dead or not, until the next full
 * collection: measured, 400 bytes of every small request.
 */
export class StreamTable {
  /** The highest id that the peer has used. */
  lastId = 0;
  /** Streams that are over while their handlers still work: they count against the limit of concurrent ones. */
  lingering = 0;
  readonly #recentResets = new RecentResets();
  #buckets: (H2Stream | undefined)[] = newBuckets(initialBuckets);
  #size = 0;
  #latest: H2Stream | undefined = undefined;

  get size(): number {
    return this.#size;
  }

  get busy(): number {
    return this.#size + this.lingering;
  }

  get(streamId: number): H2Stream | undefined {
    const latest = this.#latest;
    if (latest !== undefined && latest.id === streamId) return latest;
    let stream = this.#buckets[this.#bucketOf(streamId)];
    while (stream !== undefined && stream.id !== streamId) stream = stream.neighbour;
    return stream;
  }

  /** In the order in which they were opened. */
  all(): H2Stream[] {
    const found: H2Stream[] = [];
    for (const head of this.#buckets) {
      for (let stream = head; stream !== undefined; stream = stream.neighbour) found.push(stream);
    }
    return found.sort((one, other) => one.id - other.id);
  }

  add(stream: H2Stream): void {
    if (this.#size === this.#buckets.length) this.#grow();
    this.#insert(stream);
    this.#size += 1;
    this.#latest = stream;
  }

  /** Takes the stream out, if it is in; it is over from now on. */
  remove(stream: H2Stream): void {
    if (this.#latest === stream) this.#latest = undefined;
    const bucket = this.#bucketOf(stream.id);
    let before: H2Stream | undefined;
    let at = this.#buckets[bucket];
    while (at !== undefined && at !== stream) {
      before = at;
      at = at.neighbour;
    }
    if (at !== undefined) {
      if (before === undefined) this.#buckets[bucket] = stream.neighbour;
      else before.neighbour = stream.neighbour;
      stream.neighbour = undefined;
      this.#size -= 1;
    }
    stream.leave();
  }

  /** Frames for this stream may still arrive and are to be ignored. */
  rememberReset(streamId: number): void {
    this.#recentResets.add(streamId);
  }

  wasReset(streamId: number): boolean {
    return this.#recentResets.has(streamId);
  }

  /** The peer has reset it as well: what it sends on it from now on is an error. */
  forgetReset(streamId: number): void {
    this.#recentResets.delete(streamId);
  }

  /** A client's ids are odd and grow: neighbours are far apart in age. */
  #bucketOf(streamId: number): number {
    return (streamId >>> 1) & (this.#buckets.length - 1);
  }

  #insert(stream: H2Stream): void {
    const bucket = this.#bucketOf(stream.id);
    stream.neighbour = this.#buckets[bucket];
    this.#buckets[bucket] = stream;
  }

  #grow(): void {
    const streams = this.all();
    this.#buckets = newBuckets(2 * this.#buckets.length);
    for (const stream of streams) this.#insert(stream);
  }
}

function newBuckets(length: number): (H2Stream | undefined)[] {
  return Array.from<H2Stream | undefined>({ length }).fill(undefined);
}
