import type { Datatype } from '../inference/datatype.ts';
import type { Parameter, Parameters } from '../inference/request.ts';

/** The correlation ID of a request; undefined where there is none: 0 and '' are none. */
export function correlationId(parameters: Parameters): Parameter | undefined {
  const id = parameters.get('sequence_id');
  return id === undefined || id === '' || Number(id) === 0 ? undefined : id;
}

/** Tells apart sequences of different callers, and 7 from '7'. */
export function sequenceKey(principal: string, id: Parameter): string {
  return `${principal.length}:${principal}:${typeof id === 'string' ? 's' : 'n'}:${id}`;
}

const ranges: Partial<Record<Datatype, readonly [bytes: 4 | 8, most: bigint]>> = {
  INT32: [4, 2n ** 31n - 1n],
  UINT32: [4, 2n ** 32n - 1n],
  INT64: [8, 2n ** 63n - 1n],
  UINT64: [8, 2n ** 64n - 1n],
};

/** The ID as the one element of a tensor; undefined when it does not fit. */
export function correlationElement(id: Parameter, datatype: Datatype): Uint8Array | undefined {
  if (datatype === 'BYTES') {
    if (typeof id !== 'string') return undefined;
    const element = Buffer.alloc(4 + Buffer.byteLength(id));
    element.writeUInt32LE(element.length - 4);
    element.write(id, 4);
    return element;
  }
  const range = ranges[datatype];
  if (range === undefined || typeof id === 'string' || BigInt(id) > range[1]) return undefined;
  const element = Buffer.alloc(8);
  element.writeBigUInt64LE(BigInt(id));
  return element.subarray(0, range[0]);
}
