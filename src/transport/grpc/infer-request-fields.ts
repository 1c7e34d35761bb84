import { ServingError } from '../../errors.ts';
import { isDatatype } from '../../inference/datatype.ts';
import {
  noParameters,
  type Parameter,
  type Parameters,
  type RequestedOutput,
} from '../../inference/request.ts';
import { readParameter } from './infer-parameters.ts';
import type { InputSkeleton } from './infer-skeleton.ts';
import { WireReader, wireType } from './wire-reader.ts';

/** More inputs, outputs or raw tensors than this are refused, as are shapes of more dimensions. */
const maxTensors = 1024;
const maxDimensions = 64;

/** Tags of ModelInferRequest's fields. */
export const requestTag = {
  modelName: 10,
  modelVersion: 18,
  id: 26,
  parameters: 34,
  inputs: 42,
  outputs: 50,
  raw: 58,
} as const;

/** A ModelInferRequest as it stands on the wire: nothing put together yet. */
export interface RequestFields {
  model: string;
  version: string;
  id: string;
  parameters: Map<string, Parameter> | undefined;
  readonly inputs: InputFields[];
  readonly outputs: RequestedOutput[];
  readonly raws: Buffer[];
}

export interface InputFields {
  readonly skeleton: InputSkeleton;
  readonly parameters: Parameters;
  /** Where the typed contents stand; undefined without them. */
  readonly contents: readonly number[] | undefined;
}

/**
 * Reads a ModelInferRequest as the protobuf specification says: fields in any order, the last of a singular field wins,
 * repeated scalars packed or not, parts of a message merged, unknown fields passed over.
 *
 * @throws invalid_argument
 */
export function readRequestFields(message: Buffer): RequestFields {
  const reader = new WireReader(message);
  const request: RequestFields = {
    model: '',
    version: '',
    id: '',
    parameters: undefined,
    inputs: [],
    outputs: [],
    raws: [],
  };
  while (reader.position < reader.end) {
    const tag = reader.tag();
    switch (tag) {
      case requestTag.modelName:
        request.model = reader.string();
        break;
      case requestTag.modelVersion:
        request.version = reader.string();
        break;
      case requestTag.id:
        request.id = reader.string();
        break;
      case requestTag.parameters:
        readParameter(reader, (request.parameters ??= new Map()));
        break;
      case requestTag.inputs:
        bounded(request.inputs, 'inputs').push(readInput(reader));
        break;
      case requestTag.outputs:
        bounded(request.outputs, 'outputs').push(readOutput(reader));
        break;
      case requestTag.raw:
        bounded(request.raws, 'raw_input_contents').push(reader.view());
        break;
      default:
        reader.skip(tag);
    }
  }
  return request;
}

function bounded<T>(list: T[], what: string): T[] {
  if (list.length < maxTensors) return list;
  throw new ServingError('invalid_argument', `more than ${maxTensors} ${what}`, {
    reason: 'TOO_MANY_TENSORS',
  });
}

function readInput(reader: WireReader): InputFields {
  const outer = reader.enter();
  let name = '';
  let datatype = '';
  const shape: number[] = [];
  let parameters: Map<string, Parameter> | undefined;
  let contents: number[] | undefined;
  while (reader.position < reader.end) {
    const tag = reader.tag();
    switch (tag) {
      case 10:
        name = reader.string();
        break;
      case 18:
        datatype = reader.string();
        break;
      case 24 + wireType.varint:
        readDimension(reader, shape);
        break;
      case 24 + wireType.bytes: {
        const end = reader.enter();
        while (reader.position < reader.end) readDimension(reader, shape);
        reader.leave(end);
        break;
      }
      case 34:
        readParameter(reader, (parameters ??= new Map()));
        break;
      case 42: {
        const size = reader.size();
        contents = [...bounded(contents ?? [], 'contents'), reader.position, reader.position + size];
        reader.position += size;
        break;
      }
      default:
        reader.skip(tag);
    }
  }
  reader.leave(outer);
  if (!isDatatype(datatype)) {
    throw new ServingError(
      'invalid_argument',
      `inference input '${name}' data-type is '${datatype}', which is not a data-type of the protocol`,
      { reason: 'INVALID_DATATYPE' },
    );
  }
  return { skeleton: { name, datatype, shape }, parameters: parameters ?? noParameters, contents };
}

function readDimension(reader: WireReader, shape: number[]): void {
  const dimension = reader.int64();
  if (typeof dimension === 'bigint') {
    throw new ServingError('invalid_argument', `dimension ${dimension} of an input's shape is out of range`, {
      reason: 'INVALID_SHAPE',
    });
  }
  if (shape.length >= maxDimensions) {
    throw new ServingError(
      'invalid_argument',
      `shape of an input has more than ${maxDimensions} dimensions`,
      {
        reason: 'INVALID_SHAPE',
      },
    );
  }
  shape.push(dimension);
}

function readOutput(reader: WireReader): RequestedOutput {
  const outer = reader.enter();
  let name = '';
  let parameters: Map<string, Parameter> | undefined;
  while (reader.position < reader.end) {
    const tag = reader.tag();
    if (tag === 10) name = reader.string();
    else if (tag === 18) readParameter(reader, (parameters ??= new Map()));
    else reader.skip(tag);
  }
  reader.leave(outer);
  return { name, parameters: parameters ?? noParameters };
}
