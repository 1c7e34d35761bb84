import type { Datatype } from '../../inference/datatype.ts';
import type { Parameters, RequestedOutput } from '../../inference/request.ts';

/** An input without its data. */
export interface InputSkeleton {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
}

/** All of a ModelInferRequest but its id and its tensors' bytes. Shared by the requests made from it, so immutable. */
export interface InferSkeleton {
  readonly model: string;
  readonly version: string;
  readonly inputs: readonly InputSkeleton[];
  readonly outputs: readonly RequestedOutput[];
  readonly parameters: Parameters;
}

interface Entry {
  readonly metadata: Buffer;
  readonly skeleton: InferSkeleton;
}

/** Longer metadata is decoded each time: rare, and it would let clients fill memory. */
const maxMetadataBytes = 4096;
const sets = 64;
const ways = 8;

/**
 * Remembers what the last few distinct metadata bytes decoded to; clients send the same ones over and over. Metadata are
 * the bytes of a message before the id and between the id and the first raw tensor; they are compared whole, so a hit
 * is exact. Holds at most 512 entries of 4 KiB.
 */
export class SkeletonCache {
  readonly #sets: Entry[][] = Array.from({ length: sets }, () => []);
  readonly #next = new Uint8Array(sets);

  /** Metadata are `message[0, headEnd)` and `message[tailStart, tailEnd)`. */
  find(message: Buffer, headEnd: number, tailStart: number, tailEnd: number): InferSkeleton | undefined {
    const size = headEnd + tailEnd - tailStart;
    const set = this.#sets[size % sets];
    if (set === undefined) return undefined;
    for (let way = 0; way < set.length; way++) {
      const entry = set[way];
      if (entry === undefined || entry.metadata.length !== size) continue;
      const stored = entry.metadata;
      let at = 0;
      while (at < headEnd && stored[at] === message[at]) at++;
      if (at < headEnd) continue;
      const offset = tailStart - headEnd;
      while (at < size && stored[at] === message[at + offset]) at++;
      if (at === size) return entry.skeleton;
    }
    return undefined;
  }

  /** Keeps a copy of the metadata, in place of the oldest of its set when that is full. */
  add(
    message: Buffer,
    headEnd: number,
    tail: readonly [start: number, end: number],
    skeleton: InferSkeleton,
  ): void {
    const [tailStart, tailEnd] = tail;
    const size = headEnd + tailEnd - tailStart;
    const index = size % sets;
    const set = this.#sets[index];
    if (set === undefined || size > maxMetadataBytes) return;
    const metadata = Buffer.allocUnsafeSlow(size);
    message.copy(metadata, 0, 0, headEnd);
    message.copy(metadata, headEnd, tailStart, tailEnd);
    const way = this.#next[index] ?? 0;
    this.#next[index] = (way + 1) % ways;
    set[way] = { metadata, skeleton };
  }
}
