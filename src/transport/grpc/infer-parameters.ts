import { ServingError } from '../../errors.ts';
import { noParameters, type Parameter, type Parameters } from '../../inference/request.ts';
import type { WireReader } from './wire-reader.ts';
import { encodeBytesField, encodeDoubleField, encodeStringField, encodeVarintField } from './wire-writer.ts';

/** More parameters than this on one request, input or output are refused. */
const maxParameters = 256;

/** Field tags of a map entry and of inference.InferParameter. */
const tag = { key: 10, value: 18, bool: 8, int64: 16, string: 26, double: 33, uint64: 40 } as const;

/**
 * Reads one entry of a `map<string, InferParameter>` into `target`, a later entry of the same key winning.
 *
 * @throws invalid_argument for a parameter without a value.
 */
export function readParameter(reader: WireReader, target: Map<string, Parameter>): void {
  const outer = reader.enter();
  let key = '';
  let value: Parameter | undefined;
  while (reader.position < reader.end) {
    const field = reader.tag();
    if (field === tag.key) key = reader.string();
    else if (field === tag.value) value = readValue(reader, value);
    else reader.skip(field);
  }
  reader.leave(outer);
  if (value === undefined) {
    throw new ServingError('invalid_argument', `parameter '${key}' has no value`, {
      reason: 'INVALID_PARAMETER',
    });
  }
  if (target.size >= maxParameters && !target.has(key)) {
    throw new ServingError('invalid_argument', `more than ${maxParameters} parameters`, {
      reason: 'TOO_MANY_PARAMETERS',
    });
  }
  target.set(key, value);
}

/** The last choice of the oneof wins, also over one of an earlier part of the same message. */
function readValue(reader: WireReader, earlier: Parameter | undefined): Parameter | undefined {
  const outer = reader.enter();
  let value = earlier;
  while (reader.position < reader.end) {
    const field = reader.tag();
    switch (field) {
      case tag.bool:
        value = reader.bool();
        break;
      case tag.int64:
        value = reader.int64();
        break;
      case tag.string:
        value = reader.string();
        break;
      case tag.double:
        value = reader.double();
        break;
      case tag.uint64:
        value = reader.uint64();
        break;
      default:
        reader.skip(field);
    }
  }
  reader.leave(outer);
  return value;
}

const nothing = Buffer.alloc(0);

/**
 * A `map<string, InferParameter>` as field `field` of its message. Integers go out as int64_param, which all clients
 * know, and as uint64_param only beyond its range.
 */
export function encodeParameters(field: number, parameters: Parameters): Uint8Array {
  if (parameters === noParameters || parameters.size === 0) return nothing;
  const entries: Uint8Array[] = [];
  for (const [key, value] of parameters) {
    const entry = Buffer.concat([encodeStringField(1, key), encodeBytesField(2, encodeValue(value))]);
    entries.push(encodeBytesField(field, entry));
  }
  return Buffer.concat(entries);
}

function encodeValue(value: Parameter): Buffer {
  if (typeof value === 'boolean') return encodeVarintField(1, value ? 1 : 0);
  if (typeof value === 'string') return encodeStringField(3, value);
  if (typeof value === 'bigint') return encodeVarintField(value >= 2n ** 63n ? 5 : 2, value);
  return Number.isSafeInteger(value) ? encodeVarintField(2, value) : encodeDoubleField(4, value);
}
