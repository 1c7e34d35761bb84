import type { TensorMetadata } from '../../../../inference/catalog.ts';
import { JsonReader } from '../../json-reader.ts';

/**
 * Whether the object at the reader's position, which stays there, is an element of BYTES (`{"b64": "..."}`) and no object
 * of inputs by name.
 */
export function isBase64Object({ bytes, position }: JsonReader, inputs: readonly TensorMetadata[]): boolean {
  const ahead = new JsonReader(bytes, position);
  ahead.beginObject();
  return ahead.nextKey() === 'b64' && !inputs.some(({ name }) => name === 'b64');
}
