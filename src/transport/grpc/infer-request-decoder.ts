import { ServingError } from '../../errors.ts';
import { noParameters, type InferRequest } from '../../inference/request.ts';
import { readOutputPlace, readPlace } from '../../inference/shared-memory-rules.ts';
import type { TensorPlace, TensorPlaces } from '../../inference/shared-memory.ts';
import type { Tensor } from '../../inference/tensor.ts';
import { readRequestFields, requestTag, type RequestFields } from './infer-request-fields.ts';
import { SkeletonCache, type InferSkeleton } from './infer-skeleton.ts';
import { convertContents } from './typed-contents.ts';
import { WireReader } from './wire-reader.ts';

/** Where the parts of a message stand whose fields are in a usual order. */
interface Layout {
  /** Metadata before the id end here. */
  headEnd: number;
  /** The id's bytes; empty without one. */
  idStart: number;
  idEnd: number;
  /** Metadata go on from here to the first raw tensor. */
  tailEnd: number;
  /** Start and end of each raw tensor, alternating; the first `rawCount * 2` entries hold. */
  readonly raws: Float64Array;
  rawCount: number;
}

/** Messages with more raw tensors than this take the general way. */
const maxLaidOutRaws = 64;

/**
 * Turns bytes of a ModelInferRequest into an InferRequest whose tensors are views of them wherever that is possible.
 * Each thread has its own.
 */
export class InferRequestDecoder {
  readonly #maxMessageBytes: number;
  readonly #skeletons = new SkeletonCache();
  readonly #layout: Layout = {
    headEnd: 0,
    idStart: 0,
    idEnd: 0,
    tailEnd: 0,
    raws: new Float64Array(maxLaidOutRaws * 2),
    rawCount: 0,
  };

  /** @param maxMessageBytes bounds also what typed contents may grow to. */
  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  /**
   * @throws invalid_argument, with reason MALFORMED_MESSAGE when the bytes are no message; resource_exhausted when typed
   * contents grow too large.
   */
  decode(message: Buffer): InferRequest {
    const layout = this.#layout;
    const usual = locate(message, layout);
    if (usual) {
      const skeleton = this.#skeletons.find(message, layout.headEnd, layout.idEnd, layout.tailEnd);
      if (skeleton !== undefined && skeleton.inputs.length === layout.rawCount) {
        return fromSkeleton(message, layout, skeleton);
      }
    }
    const fields = readRequestFields(message);
    const request = assemble(message, fields, this.#maxMessageBytes);
    if (usual && fields.inputs.length === fields.raws.length && request.shared === undefined) {
      const skeleton: InferSkeleton = {
        model: request.model,
        version: request.version,
        inputs: fields.inputs.map((input) => input.skeleton),
        outputs: request.outputs,
        parameters: request.parameters,
      };
      this.#skeletons.add(message, layout.headEnd, [layout.idEnd, layout.tailEnd], skeleton);
    }
    return request;
  }
}

/**
 * The id of a message that may not decode as a whole, for the error that answers it.
 *
 * @throws invalid_argument when the bytes are no message.
 */
export function readRequestId(message: Buffer): string {
  const reader = new WireReader(message);
  let id = '';
  while (reader.position < reader.end) {
    const tag = reader.tag();
    if (tag === requestTag.id) id = reader.string();
    else reader.skip(tag);
  }
  return id;
}

/**
 * Finds the parts of a message without looking into them. False when there is anything unusual about it: unknown
 * fields, two ids, metadata after raw tensors, or what does not add up.
 */
function locate(message: Buffer, layout: Layout): boolean {
  const end = message.length;
  let position = 0;
  let rawCount = 0;
  layout.headEnd = -1;
  layout.tailEnd = -1;
  while (position < end) {
    const fieldStart = position;
    const tag = message[position++] ?? 0;
    let size = message[position++] ?? 0;
    if (size >= 0x80) {
      let shift = 7;
      let byte = 0;
      size &= 0x7f;
      do {
        if (shift > 21) return false;
        byte = message[position++] ?? 0;
        size += (byte & 0x7f) << shift;
        shift += 7;
      } while (byte >= 0x80);
    }
    const start = position;
    position += size;
    if (position > end) return false;
    if (tag === requestTag.raw) {
      if (rawCount === 0) layout.tailEnd = fieldStart;
      if (rawCount === maxLaidOutRaws) return false;
      layout.raws[rawCount * 2] = start;
      layout.raws[rawCount * 2 + 1] = position;
      rawCount++;
    } else if (rawCount > 0) return false;
    else if (tag === requestTag.id) {
      if (layout.headEnd >= 0) return false;
      layout.headEnd = fieldStart;
      layout.idStart = start;
      layout.idEnd = position;
    } else if (tag < requestTag.modelName || tag > requestTag.outputs || (tag & 7) !== 2) return false;
  }
  if (rawCount === 0) return false;
  if (layout.headEnd < 0) {
    layout.headEnd = layout.tailEnd;
    layout.idStart = layout.tailEnd;
    layout.idEnd = layout.tailEnd;
  }
  layout.rawCount = rawCount;
  return true;
}

function fromSkeleton(message: Buffer, layout: Layout, skeleton: InferSkeleton): InferRequest {
  const inputs: Tensor[] = [];
  const known = skeleton.inputs;
  for (let index = 0; index < known.length; index++) {
    const input = known[index];
    if (input === undefined) continue;
    inputs.push({
      name: input.name,
      datatype: input.datatype,
      shape: input.shape,
      data: message.subarray(layout.raws[index * 2], layout.raws[index * 2 + 1]),
    });
  }
  return {
    model: skeleton.model,
    version: skeleton.version,
    id: readId(message, layout),
    inputs,
    outputs: skeleton.outputs,
    parameters: skeleton.parameters,
  };
}

/** Nearly all ids are ASCII; others are checked to be UTF-8. */
function readId(message: Buffer, { headEnd, idStart, idEnd }: Layout): string {
  if (idEnd === idStart) return '';
  for (let index = idStart; index < idEnd; index++) {
    if ((message[index] ?? 0) >= 0x80) return readRequestId(message.subarray(headEnd, idEnd));
  }
  return message.toString('latin1', idStart, idEnd);
}

/** Puts tensors and their bytes together (protocol: raw entries belong, in order, to the inputs without other data). */
function assemble(message: Buffer, fields: RequestFields, maxMessageBytes: number): InferRequest {
  const { model, raws } = fields;
  const inputs: Tensor[] = [];
  const places: (TensorPlace | undefined)[] = [];
  let nextRaw = 0;
  let typedBytes = 0;
  for (const { skeleton, parameters, contents } of fields.inputs) {
    const { name, datatype, shape } = skeleton;
    const place = parameters === noParameters ? undefined : readPlace(name, parameters);
    places.push(place);
    let data: Uint8Array | undefined;
    if (place !== undefined) {
      if (contents !== undefined) throw contentsInPlace(name, model);
      data = nothing;
    } else if (contents !== undefined) {
      if (raws.length > 0) throw mixedContents(name, model);
      const input = { model, name, datatype };
      data = convertContents(message, contents, input, maxMessageBytes - typedBytes);
      typedBytes += data.length;
    } else data = raws[nextRaw++];
    if (data === undefined) throw missingData(name, model);
    inputs.push({ name, datatype, shape, data });
  }
  if (nextRaw < raws.length) throw leftOver(raws.length, nextRaw, model);
  const request = {
    model,
    version: fields.version,
    id: fields.id,
    inputs,
    outputs: fields.outputs,
    parameters: fields.parameters ?? noParameters,
  };
  const shared = placesOf(places, fields);
  return shared === undefined ? request : { ...request, shared };
}

const nothing = new Uint8Array(0);

function placesOf(
  inputs: readonly (TensorPlace | undefined)[],
  fields: RequestFields,
): TensorPlaces | undefined {
  const outputs = new Map<string, TensorPlace>();
  for (const { name, parameters } of fields.outputs) {
    const place = parameters === noParameters ? undefined : readOutputPlace(name, parameters);
    if (place !== undefined) outputs.set(name, place);
  }
  if (outputs.size === 0 && inputs.every((place) => place === undefined)) return undefined;
  return { inputs, outputs };
}

function contentsInPlace(name: string, model: string): ServingError {
  return new ServingError(
    'invalid_argument',
    `unexpected 'content' provided when using shared memory for input tensor '${name}' for model '${model}'`,
    { reason: 'MIXED_CONTENTS' },
  );
}

function mixedContents(name: string, model: string): ServingError {
  return new ServingError(
    'invalid_argument',
    `contents field must not be specified when using raw_input_contents for '${name}' for model '${model}'`,
    { reason: 'MIXED_CONTENTS' },
  );
}

function missingData(name: string, model: string): ServingError {
  return new ServingError(
    'invalid_argument',
    `unable to find data for input tensor '${name}' for model '${model}' in request.`,
    { reason: 'MISSING_DATA' },
  );
}

function leftOver(raws: number, used: number, model: string): ServingError {
  return new ServingError(
    'invalid_argument',
    `unexpected additional input data for model '${model}': ${raws} raw_input_contents for ${used} input(s)`,
    { reason: 'ADDITIONAL_DATA' },
  );
}
