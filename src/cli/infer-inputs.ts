import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { decodeElements } from '../client/tensor-data.ts';
import type { InputTensor } from '../client/types.ts';
import type { ModelMetadata, TensorMetadata } from '../inference/catalog.ts';
import { isDatatype, type Datatype } from '../inference/datatype.ts';
import { usageError } from './command.ts';
import { isNetpbm, readNetpbm } from './netpbm.ts';
import { readNpy } from './npy.ts';
import { pictureTensor, type PixelRule } from './picture-tensor.ts';
import { isPng, readPng } from './png.ts';
import { errorCode } from './server-flags.ts';

type Element = number | bigint | boolean | string;

/**
 * Builds the inputs of a request from `name=value` words, where a value is JSON or `@file`; the name may be left out when
 * the model has one input. A lone JSON file of the form `{"inputs": [...]}` gives all inputs.
 *
 * @throws ServingError with reason USAGE
 */
export function buildInputs(
  words: readonly string[],
  metadata: ModelMetadata,
  rule: PixelRule,
): InputTensor[] {
  const inputs: InputTensor[] = [];
  for (const word of words) {
    const { name, value } = splitWord(word);
    const file = value.startsWith('@') ? readInput(value.slice(1)) : undefined;
    const json = jsonOf(value, file);
    if (name === undefined && isRequest(json)) {
      inputs.push(...json.inputs.map((input) => fromRequest(input, metadata)));
      continue;
    }
    const declared = declaredInput(name, metadata);
    if (json !== undefined) inputs.push(fromJson(declared, json));
    else if (file !== undefined) inputs.push(fromBinary(declared, file, basename(value.slice(1)), rule));
  }
  return inputs;
}

/** `name=value`; a value that begins like JSON or with @ has no name before it. */
function splitWord(word: string): { name: string | undefined; value: string } {
  const equals = /^[@[{"]/.test(word) ? -1 : word.indexOf('=');
  return equals === -1
    ? { name: undefined, value: word }
    : { name: word.slice(0, equals), value: word.slice(equals + 1) };
}

function readInput(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw usageError(`cannot read ${path}${errorCode(error)}`);
  }
}

/** undefined when the file is a binary one. */
function jsonOf(value: string, file: Buffer | undefined): unknown {
  if (file !== undefined && (isPng(file) || isNetpbm(file) || file[0] === 0x93)) return undefined;
  const text = file?.toString('utf8') ?? value;
  try {
    return JSON.parse(text);
  } catch {
    if (file === undefined) throw usageError(`not JSON: ${text.slice(0, 60)} (a file is given as @file)`);
    throw usageError(`${value.slice(1)} is none of JSON, NPY, PNG, PGM and PPM`);
  }
}

function isRequest(json: unknown): json is { inputs: unknown[] } {
  return typeof json === 'object' && json !== null && 'inputs' in json && Array.isArray(json.inputs);
}

function declaredInput(name: string | undefined, { inputs, name: model }: ModelMetadata): TensorMetadata {
  const names = inputs.map((input) => input.name);
  const found =
    name === undefined && inputs.length === 1 ? inputs[0] : inputs.find((input) => input.name === name);
  if (found !== undefined) return found;
  if (name === undefined) throw usageError(`${model} has several inputs, say which: ${names.join(', ')}`);
  throw usageError(`${model} has no input ${name}; it has ${names.join(', ')}`);
}

/** An input of the protocol's JSON form: name, datatype, shape and data, flat or nested. */
function fromRequest(input: unknown, metadata: ModelMetadata): InputTensor {
  if (typeof input !== 'object' || input === null || !('name' in input) || typeof input.name !== 'string') {
    throw usageError('each of "inputs" needs a name');
  }
  const declared = declaredInput(input.name, metadata);
  const given =
    'datatype' in input && typeof input.datatype === 'string' ? input.datatype : declared.datatype;
  const data = 'data' in input ? input.data : undefined;
  const tensor = fromJson({ ...declared, datatype: given }, data);
  const shape: unknown = 'shape' in input ? input.shape : undefined;
  return Array.isArray(shape) ? { ...tensor, shape: shape.map(Number) } : tensor;
}

function fromJson(declared: TensorMetadata, json: unknown): InputTensor {
  const datatype = datatypeOf(declared);
  const shape: number[] = [];
  const elements: Element[] = [];
  flatten(json, 0, shape, elements, declared.name);
  if (shape.reduce((product, dim) => product * dim, 1) !== elements.length) {
    throw usageError(`input ${declared.name}: its lists are of unequal length`);
  }
  for (const element of elements) checkRange(element, datatype, declared.name);
  const wide = datatype === 'INT64' || datatype === 'UINT64';
  const data = wide ? elements.map((element) => wideElement(element, declared.name)) : elements;
  return { name: declared.name, datatype, shape: fitShape(shape, declared.shape, elements.length), data };
}

function flatten(json: unknown, depth: number, shape: number[], elements: Element[], name: string): void {
  if (Array.isArray(json)) {
    // A list where an element stood before: the nesting differs.
    if (shape[depth] === undefined && elements.length > 0)
      throw usageError(`input ${name}: its lists are nested unequally`);
    shape[depth] ??= json.length;
    if (shape[depth] !== json.length) throw usageError(`input ${name}: its lists are of unequal length`);
    for (const item of json) flatten(item, depth + 1, shape, elements, name);
  } else if (typeof json === 'number' || typeof json === 'string' || typeof json === 'boolean') {
    if (shape.length !== depth) throw usageError(`input ${name}: its lists are nested unequally`);
    elements.push(json);
  } else {
    throw usageError(`input ${name}: ${JSON.stringify(json) ?? 'nothing'} is not an element of a tensor`);
  }
}

/** A number beyond the range of its datatype, or of all numbers of JavaScript, would be sent as an infinity. */
function checkRange(element: Element, datatype: Datatype, name: string): void {
  if (typeof element !== 'number') return;
  const held = rounded[datatype]?.(element) ?? element;
  if (!Number.isFinite(held)) throw usageError(`input ${name}: a number is out of the range of ${datatype}`);
}

/** Halfway between the largest number of BF16 and what would be the next. */
const firstBeyondBf16 = (2 - 2 ** -8) * 2 ** 127;

/** As it is sent; datatypes of whole numbers are checked when they are encoded. */
const rounded: Readonly<Partial<Record<Datatype, (value: number) => number>>> = {
  FP32: Math.fround,
  FP16: Math.f16round,
  BF16: (value) => (Math.abs(value) < firstBeyondBf16 ? value : Infinity),
};

/** JSON's numbers lose digits beyond 2^53, so a decimal text is taken too. */
function wideElement(element: Element, name: string): Element {
  if (typeof element !== 'string') return element;
  if (!/^-?\d{1,20}$/.test(element))
    throw usageError(`input ${name}: ${JSON.stringify(element)} is not an integer`);
  return BigInt(element);
}

function fromBinary(declared: TensorMetadata, file: Buffer, name: string, rule: PixelRule): InputTensor {
  const datatype = datatypeOf(declared);
  if (isPng(file) || isNetpbm(file)) {
    const picture = isPng(file) ? readPng(file, name) : readNetpbm(file, name);
    const batches = declared.shape[0] === -1 && declared.shape.length > 1;
    const { shape, data } = pictureTensor(picture, batches ? declared.shape.slice(1) : declared.shape, rule);
    const whole = datatype.startsWith('FP') || datatype === 'BF16' ? data : data.map(Math.round);
    return { name: declared.name, datatype, shape: batches ? [1, ...shape] : shape, data: whole };
  }
  const array = readNpy(file, name);
  const data = decodeElements(array.datatype, array.data);
  const shape = fitShape(array.shape, declared.shape, data.length);
  if (array.datatype === datatype) return { name: declared.name, datatype, shape, data };
  return { name: declared.name, datatype, shape, data: [...data] };
}

/**
 * The shape as the model declares it, where that is clear: a missing batch dimension is added, a flat list is folded
 * around the one open dimension. Anything else is sent as it is, for the server to judge.
 */
export function fitShape(
  shape: readonly number[],
  declared: readonly number[],
  count: number,
): readonly number[] {
  if (shape.length === declared.length) return shape;
  if (shape.length === declared.length - 1 && declared[0] === -1) {
    const fits = shape.every((dim, axis) => declared[axis + 1] === -1 || declared[axis + 1] === dim);
    if (fits) return [1, ...shape];
  }
  const open = declared.filter((dim) => dim === -1).length;
  const known = declared.reduce((product, dim) => (dim === -1 ? product : product * dim), 1);
  if (shape.length !== 1 || open > 1 || known === 0 || count % known !== 0) return shape;
  return declared.map((dim) => (dim === -1 ? count / known : dim));
}

function datatypeOf({ name, datatype }: TensorMetadata): Datatype {
  if (isDatatype(datatype)) return datatype;
  throw usageError(`input ${name} has a datatype that cannot be sent: ${datatype}`);
}
