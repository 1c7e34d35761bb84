import { datatypeSizeBytes } from '../inference/datatype.ts';
import type { BatchTensor } from '../inference/executor.ts';
import type { Feeds, Session } from './session.ts';

/** From this size on, an input that is aligned and in one piece is used where it was received instead of copied. */
const smallestViewedBytes = 16_384;
const smallestSlabBytes = 4_096;
/** Distinct shapes remembered; models see one shape per batch size, so more means that the shapes never repeat. */
const mostShapes = 64;

interface Remembered {
  readonly shape: readonly number[];
  readonly value: Feeds[string];
}

/**
 * Memory for one input of an inline session, reused by every run, with the onnxruntime tensor of each shape seen lately: the
 * usual run copies its rows and allocates nothing.
 */
export class InputSlab {
  readonly #session: Session;
  #bytes = new Uint8Array(0);
  /** By size in bytes, where the usual shapes differ. */
  readonly #remembered = new Map<number, Remembered>();

  constructor(session: Session) {
    this.#session = session;
  }

  /** The input's value for the next run, valid until this is called again. @throws invalid_argument for bad strings. */
  fill(input: BatchTensor): Feeds[string] {
    const { name, datatype, shape, parts, sizeBytes } = input;
    const only = parts.length === 1 ? parts[0] : undefined;
    if (datatype === 'BYTES') {
      return this.#session.input(name, datatype, shape, only ?? Buffer.concat(parts, sizeBytes));
    }
    if (only !== undefined && sizeBytes >= smallestViewedBytes) {
      if (only.byteOffset % datatypeSizeBytes[datatype] === 0) {
        return this.#session.input(name, datatype, shape, only);
      }
    }
    this.#copy(parts, sizeBytes);
    const known = this.#remembered.get(sizeBytes);
    if (known !== undefined && sameShape(known.shape, shape)) return known.value;
    const value = this.#session.input(name, datatype, shape, this.#bytes.subarray(0, sizeBytes));
    if (this.#remembered.size >= mostShapes) this.#remembered.clear();
    this.#remembered.set(sizeBytes, { shape, value });
    return value;
  }

  #copy(parts: readonly Uint8Array[], sizeBytes: number): void {
    if (sizeBytes > this.#bytes.byteLength) {
      this.#bytes = new Uint8Array(Math.max(smallestSlabBytes, 2 ** Math.ceil(Math.log2(sizeBytes))));
      this.#remembered.clear();
    }
    let offset = 0;
    for (const part of parts) {
      this.#bytes.set(part, offset);
      offset += part.byteLength;
    }
    if (offset !== sizeBytes) throw new Error('bug: the parts of an input do not add up to its size');
  }
}

function sameShape(left: readonly number[], right: readonly number[]): boolean {
  if (left.length !== right.length) return false;
  for (let axis = 0; axis < left.length; axis += 1) if (left[axis] !== right[axis]) return false;
  return true;
}
