import { hash } from 'node:crypto';
import { datatypeSizeBytes, isDatatype } from '../inference/datatype.ts';
import { elementCount, type Tensor } from '../inference/tensor.ts';

/** Changes with every change of what follows: an older or newer server's answer is none. */
const format = Buffer.from('TGA1');
const checksumBytes = 16;
const keyBytes = 16;
const headAt = format.length + checksumBytes + keyBytes + 4;
const longestHead = 64 * 1024;

/**
 * An answer as other processes may keep it: format, checksum of all that follows, the key that it answers, and the tensors.
 *
 * @param key 16 characters, one a byte.
 */
export function encodeAnswer(key: string, outputs: readonly Tensor[]): Buffer {
  const head = Buffer.from(
    JSON.stringify(outputs.map(({ name, datatype, shape, data }) => [name, datatype, shape, data.length])),
  );
  const sizeBytes = outputs.reduce((sum, { data }) => sum + data.length, headAt + head.length);
  const value = Buffer.allocUnsafe(sizeBytes);
  format.copy(value);
  value.write(key, format.length + checksumBytes, keyBytes, 'latin1');
  value.writeUInt32LE(head.length, headAt - 4);
  let end = headAt;
  end += head.copy(value, end);
  for (const { data } of outputs) {
    value.set(data, end);
    end += data.length;
  }
  value.write(checksumOf(value), format.length, checksumBytes, 'latin1');
  return value;
}

/** The outputs of an answer to `key`; undefined for anything else, whatever it is. They are views of `value`. */
export function decodeAnswer(key: string, value: Buffer): readonly Tensor[] | undefined {
  if (value.length < headAt || value.compare(format, 0, format.length, 0, format.length) !== 0)
    return undefined;
  const keyAt = format.length + checksumBytes;
  if (value.toString('latin1', keyAt, keyAt + keyBytes) !== key) return undefined;
  if (value.toString('latin1', format.length, keyAt) !== checksumOf(value)) return undefined;
  const headLength = value.readUInt32LE(headAt - 4);
  if (headLength > longestHead || headAt + headLength > value.length) return undefined;
  const described = parsed(value.toString('utf8', headAt, headAt + headLength));
  if (!Array.isArray(described)) return undefined;
  const outputs: Tensor[] = [];
  let end = headAt + headLength;
  for (const item of described) {
    const output = outputOf(item, value, end);
    if (output === undefined) return undefined;
    outputs.push(output);
    end += output.data.length;
  }
  return end === value.length ? outputs : undefined;
}

function checksumOf(value: Buffer): string {
  return hash('sha256', value.subarray(format.length + checksumBytes), 'latin1').slice(0, checksumBytes);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function outputOf(item: unknown, value: Buffer, start: number): Tensor | undefined {
  if (!Array.isArray(item)) return undefined;
  const [name, datatype, shape, length]: readonly unknown[] = item;
  if (typeof name !== 'string' || typeof datatype !== 'string' || !isDatatype(datatype)) return undefined;
  if (!isShape(shape) || !isSize(length) || start + length > value.length) return undefined;
  const elementBytes = datatypeSizeBytes[datatype];
  if (elementBytes > 0 && elementBytes * elementCount(shape) !== length) return undefined;
  return { name, datatype, shape, data: value.subarray(start, start + length) };
}

function isShape(shape: unknown): shape is readonly number[] {
  return Array.isArray(shape) && shape.every(isSize);
}

function isSize(size: unknown): size is number {
  return typeof size === 'number' && Number.isSafeInteger(size) && size >= 0;
}
