import { datatypes } from '../inference/datatype.ts';
import type { BatchResult } from '../inference/executor.ts';
import type { Tensor } from '../inference/tensor.ts';

/**
 * How the outputs of a batch stand in shared memory. First a table of float64 words:
 *
 *     inputMs, inferMs, outputMs, cpuMs (-1 where unknown), outputs, then for each output: datatype, rank, dims..., place, size in bytes
 *
 * `place` is a byte offset in the slot, or -1 - i for the i-th buffer that travels beside the slot.
 */
const wordBytes = 8;
const fixedWords = 5;

/**
 * The slot's size. An output that fits is copied into it and out of it again; a larger one travels as the buffer that
 * onnxruntime filled, without a copy. Below some 32 kB two copies cost less than handing a buffer over (about 10 us).
 */
export const replySlotBytes = 65_536;
const largestCopiedBytes = 32_768;

/** More would be kept than a reload of a usual model needs again. */
const keptSlots = 16;

/**
 * Slots of threads that have ended, for those that come after them. Left to the garbage collector, they would be what the memory of a
 * server grows by when models are loaded anew again and again.
 */
export class ReplySlots {
  readonly #free: SharedArrayBuffer[] = [];

  take(): SharedArrayBuffer {
    return this.#free.pop() ?? new SharedArrayBuffer(replySlotBytes);
  }

  /** @param slot that no thread writes to any more, and nobody reads. */
  giveBack(slot: SharedArrayBuffer): void {
    if (this.#free.length < keptSlots) this.#free.push(slot);
  }
}

export interface ReplyTimes {
  readonly inputMs: number;
  readonly inferMs: number;
  readonly outputMs: number;
  readonly cpuMs: number | undefined;
}

/** The thread's side. Answers the buffers that must be transferred because the slot does not hold them. */
export function writeReply(slot: SharedArrayBuffer, outputs: readonly Tensor[]): ArrayBuffer[] {
  const words = new Float64Array(slot);
  const bytes = new Uint8Array(slot);
  const transferred: ArrayBuffer[] = [];
  let table = fixedWords;
  for (const { shape } of outputs) table += 4 + shape.length;
  let free = table * wordBytes;
  if (free > replySlotBytes) throw new Error('bug: more outputs than the reply slot can describe');
  words[4] = outputs.length;
  let at = fixedWords;
  for (const { datatype, shape, data } of outputs) {
    words[at++] = datatypes.indexOf(datatype);
    words[at++] = shape.length;
    for (const dim of shape) words[at++] = dim;
    if (data.byteLength <= largestCopiedBytes && free + data.byteLength <= replySlotBytes) {
      words[at++] = free;
      bytes.set(data, free);
      free = Math.ceil((free + data.byteLength) / wordBytes) * wordBytes;
    } else {
      words[at++] = -1 - transferred.length;
      transferred.push(wholeBuffer(data));
    }
    words[at++] = data.byteLength;
  }
  return transferred;
}

/** Written last: the time to write the rest is part of it. */
export function writeReplyTimes(slot: SharedArrayBuffer, times: ReplyTimes): void {
  const words = new Float64Array(slot, 0, fixedWords);
  words[0] = times.inputMs;
  words[1] = times.inferMs;
  words[2] = times.outputMs;
  words[3] = times.cpuMs ?? -1;
}

/**
 * The receiving side. What stands in the slot is copied out, so that the next batch cannot overwrite it.
 *
 * @param names as asked for.
 * @param addedInputMs what preparing the batch cost on this side.
 */
export function readReply(
  slot: SharedArrayBuffer,
  names: readonly string[],
  buffers: readonly ArrayBuffer[],
  addedInputMs: number,
): BatchResult {
  const words = new Float64Array(slot);
  let at = 0;
  const next = () => words[at++] ?? 0;
  const inputMs = next() + addedInputMs;
  const inferMs = next();
  const outputMs = next();
  const threadMs = next();
  const cpuMs = threadMs < 0 ? undefined : threadMs;
  if (next() !== names.length) throw new Error('bug: the reply slot holds another number of outputs');
  const outputs: Tensor[] = [];
  for (const name of names) {
    const datatype = datatypes[next()];
    if (datatype === undefined) throw new Error('bug: unknown datatype in the reply slot');
    const shape: number[] = [];
    for (let rank = next(); rank > 0; rank -= 1) shape.push(next());
    const place = next();
    const sizeBytes = next();
    outputs.push({ name, datatype, shape, data: dataAt(slot, place, sizeBytes, buffers) });
  }
  return { outputs, inputMs, inferMs, outputMs, cpuMs };
}

function dataAt(
  slot: SharedArrayBuffer,
  place: number,
  sizeBytes: number,
  buffers: readonly ArrayBuffer[],
): Uint8Array {
  if (place >= 0) {
    const copy = Buffer.allocUnsafe(sizeBytes);
    copy.set(new Uint8Array(slot, place, sizeBytes));
    return copy;
  }
  const buffer = buffers[-1 - place];
  if (buffer === undefined) throw new Error('bug: an output did not travel beside the reply slot');
  return new Uint8Array(buffer, 0, sizeBytes);
}

function wholeBuffer(data: Uint8Array): ArrayBuffer {
  const { buffer } = data;
  if (buffer instanceof ArrayBuffer && data.byteOffset === 0 && data.byteLength === buffer.byteLength)
    return buffer;
  return Uint8Array.from(data).buffer;
}
