import { datatypes } from '../inference/datatype.ts';
import type { Datatype } from '../inference/datatype.ts';
import type { Batch, SessionMetadata } from '../inference/executor.ts';
import { ServingError } from '../errors.ts';

/**
 * How a batch stands in shared memory. First a table of float64 words:
 *
 *     inputs, outputs, index of each wanted output...,
 *     then for each input: index, datatype, rank, dims..., offset in bytes, size in bytes
 *
 * then each input's data, at a multiple of 64 bytes. Indices are those of the session's metadata, which both sides know.
 */
const wordBytes = 8;
const alignment = 64;

/**
 * Node's memmove. `TypedArray.prototype.set` copies into shared memory byte by byte when source and target are not aligned
 * alike, as received bytes seldom are: 131 us instead of 13 us for 600 kB.
 */
const { copy } = Buffer.prototype;

interface SlotInput {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

export interface SlotBatch {
  readonly inputs: readonly SlotInput[];
  readonly outputs: readonly string[];
}

const datatypeIndexes: ReadonlyMap<Datatype, number> = new Map(datatypes.map((name, index) => [name, index]));

/** The sending side: knows a session's names and lays batches out. */
export class RequestWriter {
  readonly #inputIndexes: ReadonlyMap<string, number>;
  readonly #outputIndexes: ReadonlyMap<string, number>;

  constructor(metadata: SessionMetadata) {
    this.#inputIndexes = new Map(metadata.inputs.map(({ name }, index) => [name, index]));
    this.#outputIndexes = new Map(metadata.outputs.map(({ name }, index) => [name, index]));
  }

  sizeBytes(batch: Batch): number {
    let offset = alignUp(tableWords(batch) * wordBytes);
    for (const input of batch.inputs) offset = alignUp(offset + input.sizeBytes);
    return offset;
  }

  /**
   * Copies the batch, once.
   *
   * @param slot has at least `sizeBytes(batch)` bytes.
   * @throws invalid_argument for a name that the model lacks.
   */
  write(batch: Batch, words: Float64Array, bytes: Buffer): void {
    words[0] = batch.inputs.length;
    words[1] = batch.outputs.length;
    let at = 2;
    for (const name of batch.outputs) words[at++] = indexOf(this.#outputIndexes, name, 'output');
    let offset = alignUp(tableWords(batch) * wordBytes);
    for (const input of batch.inputs) {
      words[at++] = indexOf(this.#inputIndexes, input.name, 'input');
      words[at++] = datatypeIndexes.get(input.datatype) ?? -1;
      words[at++] = input.shape.length;
      for (const dim of input.shape) words[at++] = dim;
      words[at++] = offset;
      words[at++] = input.sizeBytes;
      let end = offset;
      for (const part of input.parts) end += copy.call(part, bytes, end);
      if (end !== offset + input.sizeBytes)
        throw new Error('bug: the parts of an input do not add up to its size');
      offset = alignUp(end);
    }
  }
}

/** No batch may need more shared memory than this; the batcher's own byte bounds are far below. */
export const largestSlotBytes = 2 ** 30;
const smallestSlotBytes = 4_096;
/** A slot that this many batches in a row filled to less than a quarter is replaced by a smaller one. */
const patience = 256;

/** The sending side's shared memory: grows to the next power of two on demand, shrinks when long unused. */
export class RequestSlot {
  readonly #writer: RequestWriter;
  #words = new Float64Array(new SharedArrayBuffer(0));
  #bytes: Buffer = Buffer.from(new SharedArrayBuffer(0));
  #oversized = 0;
  #unannounced: SharedArrayBuffer | undefined = undefined;

  constructor(metadata: SessionMetadata) {
    this.#writer = new RequestWriter(metadata);
  }

  /**
   * @returns the new memory, which the receiver must learn of before the batch, if the slot was replaced.
   * @throws resource_exhausted for a batch above `largestSlotBytes`, invalid_argument for a name that the model lacks.
   */
  write(batch: Batch): SharedArrayBuffer | undefined {
    this.#fit(this.#writer.sizeBytes(batch));
    this.#writer.write(batch, this.#words, this.#bytes);
    const replaced = this.#unannounced;
    this.#unannounced = undefined;
    return replaced;
  }

  #fit(sizeBytes: number): void {
    const capacity = this.#bytes.byteLength;
    this.#oversized = capacity > smallestSlotBytes && sizeBytes < capacity / 4 ? this.#oversized + 1 : 0;
    if (sizeBytes <= capacity && this.#oversized < patience) return;
    if (sizeBytes > largestSlotBytes) {
      throw new ServingError('resource_exhausted', `a batch may not exceed ${largestSlotBytes} bytes`);
    }
    this.#oversized = 0;
    const slot = new SharedArrayBuffer(Math.max(smallestSlotBytes, 2 ** Math.ceil(Math.log2(sizeBytes))));
    this.#words = new Float64Array(slot);
    this.#bytes = Buffer.from(slot);
    this.#unannounced = slot;
  }
}

/** The receiving side. The inputs are views of the slot. */
export function readRequest(slot: ArrayBufferLike, metadata: SessionMetadata): SlotBatch {
  const words = new Float64Array(slot, 0, Math.floor(slot.byteLength / wordBytes));
  let at = 0;
  const next = () => words[at++] ?? -1;
  const inputCount = next();
  const outputCount = next();
  const outputs: string[] = [];
  for (let index = 0; index < outputCount; index += 1) outputs.push(nameAt(metadata.outputs, next()));
  const inputs: SlotInput[] = [];
  for (let index = 0; index < inputCount; index += 1) {
    const name = nameAt(metadata.inputs, next());
    const datatype = datatypes[next()];
    if (datatype === undefined) throw new Error('bug: unknown datatype in the slot');
    const shape: number[] = [];
    for (let rank = next(); rank > 0; rank -= 1) shape.push(next());
    const offset = next();
    inputs.push({ name, datatype, shape, bytes: new Uint8Array(slot, offset, next()) });
  }
  return { inputs, outputs };
}

function tableWords(batch: Batch): number {
  let words = 2 + batch.outputs.length;
  for (const input of batch.inputs) words += 5 + input.shape.length;
  return words;
}

function alignUp(sizeBytes: number): number {
  return Math.ceil(sizeBytes / alignment) * alignment;
}

function indexOf(indexes: ReadonlyMap<string, number>, name: string, side: 'input' | 'output'): number {
  const index = indexes.get(name);
  if (index === undefined) throw new ServingError('invalid_argument', `the model has no ${side} '${name}'`);
  return index;
}

function nameAt(tensors: SessionMetadata['inputs'], index: number): string {
  const tensor = tensors[index];
  if (tensor === undefined) throw new Error('bug: unknown tensor in the slot');
  return tensor.name;
}
