import { datatypeSizeBytes, type Datatype } from '../inference/datatype.ts';
import type { PaddedInput, PaddedSize, UnpaddedOutput } from '../inference/target.ts';
import type { ModelConfig, ModelInputConfig, ModelOutputConfig } from './config.ts';
import { configError } from './config-message.ts';
import { datatypeOf } from './model-shape.ts';

const inputPrefix = 'pad.';
const outputPrefix = 'unpad.';
const largestBound = 2 ** 31;
const mostBounds = 64;

/** What is being read, for errors that name it. */
interface Place {
  readonly config: ModelConfig;
  readonly key: string;
}

type Words = ReadonlyMap<string, string>;

/**
 * Reads the parameters `pad.<input>` and `unpad.<output>` of a complete configuration.
 *
 * @throws ServingError invalid_argument
 */
export function paddingOf(config: ModelConfig): readonly PaddedSize[] {
  const leaders = new Map<
    string,
    PaddedSize & { readonly inputs: PaddedInput[]; readonly outputs: UnpaddedOutput[] }
  >();
  const entries = Object.entries(config.parameters);
  const padded = entries.filter(([key]) => key.startsWith(inputPrefix));
  const read = padded.map(([key, { string_value: text }]) => ({
    name: key.slice(inputPrefix.length),
    place: { config, key },
    words: wordsOf({ config, key }, text, ['axis', 'value', 'with', 'mask', 'length', 'buckets', 'to']),
  }));
  for (const { name, place, words } of read) {
    if (!words.has('with')) leaders.set(name, leadingSize(place, name, words));
  }
  for (const { name, place, words } of read) {
    const leader = words.get('with');
    if (leader !== undefined) follow(place, name, words, leaders.get(leader));
  }
  for (const [key, { string_value: text }] of entries) {
    if (key.startsWith(outputPrefix)) addOutput({ config, key }, text, leaders);
  }
  const sizes = [...leaders.values()];
  checkOnce(config, sizes);
  return sizes;
}

/** `axis=1 value=0`: names and values, each once. */
function wordsOf(place: Place, text: string, known: readonly string[]): Words {
  const words = new Map<string, string>();
  for (const word of text.split(/\s+/).filter((part) => part !== '')) {
    const at = word.indexOf('=');
    const name = at < 0 ? word : word.slice(0, at);
    if (!known.includes(name) || at < 0) {
      throw wrong(place, `'${word}' is not one of ${known.map((each) => `${each}=`).join(' ')}`);
    }
    if (words.has(name)) throw wrong(place, `${name}= is given twice`);
    words.set(name, word.slice(at + 1));
  }
  return words;
}

function leadingSize(
  place: Place,
  name: string,
  words: Words,
): PaddedSize & { readonly inputs: PaddedInput[]; readonly outputs: UnpaddedOutput[] } {
  const own = paddedInput(place, name, words);
  const mask = words.get('mask') ?? '';
  const length = words.get('length') ?? '';
  const padTo = words.get('to') ?? 'longest';
  if (padTo !== 'longest' && padTo !== 'bucket') throw wrong(place, "to= is 'longest' or 'bucket'");
  if (length !== '') lengthInput(place, length);
  return {
    buckets: bounds(place, words.get('buckets') ?? 'powers_of_two'),
    padTo,
    inputs: mask === '' ? [own] : [own, paddedInput(place, mask, new Map([['axis', String(own.axis)]]))],
    outputs: [],
    maskInput: mask,
    lengthInput: length,
  };
}

function follow(
  place: Place,
  name: string,
  words: Words,
  leader: { readonly inputs: PaddedInput[] } | undefined,
): void {
  if (leader === undefined) throw wrong(place, 'with= names an input that is padded, and not with= another');
  const stranger = ['mask', 'length', 'buckets', 'to'].find((word) => words.has(word));
  if (stranger !== undefined) throw wrong(place, `${stranger}= stands at the input that with= names`);
  leader.inputs.push(paddedInput(place, name, words));
}

function addOutput(
  place: Place,
  text: string,
  leaders: ReadonlyMap<string, { readonly outputs: UnpaddedOutput[] }>,
): void {
  const name = place.key.slice(outputPrefix.length);
  const output = tensorOf(place, name, place.config.output, 'output');
  const words = wordsOf(place, text, ['axis', 'with']);
  const leader = leaders.get(words.get('with') ?? '');
  if (leader === undefined) throw wrong(place, 'with= names the input that the output is as long as');
  const axes = (words.get('axis') ?? '').split(',').map((axis) => axisOf(place, axis, output));
  leader.outputs.push({ name, axes });
}

function paddedInput(place: Place, name: string, words: Words): PaddedInput {
  const input = tensorOf(place, name, place.config.input, 'input');
  if (place.config.max_batch_size === 0) throw wrong(place, 'needs a model with max_batch_size above 0');
  if ('allow_ragged_batch' in input && input.allow_ragged_batch) {
    throw wrong(place, `input '${name}' is ragged, which needs no padding`);
  }
  const datatype = datatypeOf(input.data_type);
  if (datatype === undefined || datatypeSizeBytes[datatype] === 0) {
    throw wrong(place, `input '${name}' of ${input.data_type} cannot be padded`);
  }
  const axis = axisOf(place, words.get('axis') ?? '', input);
  return { name, axis, fill: fillOf(place, datatype, words.get('value') ?? '0') };
}

function tensorOf<Tensor extends ModelInputConfig | ModelOutputConfig>(
  place: Place,
  name: string,
  tensors: readonly Tensor[],
  kind: 'input' | 'output',
): Tensor {
  const tensor = tensors.find((candidate) => candidate.name === name);
  if (tensor === undefined) throw wrong(place, `the model has no ${kind} '${name}'`);
  if (tensor.reshape !== undefined) throw wrong(place, `${kind} '${name}' is reshaped`);
  if (tensor.data_type === 'TYPE_STRING') throw wrong(place, `${kind} '${name}' holds strings`);
  return tensor;
}

/** An axis of any size, counted with the batch dimension, which is 0. */
function axisOf(place: Place, text: string, { name, dims }: ModelInputConfig | ModelOutputConfig): number {
  const axis = Number(text);
  if (text === '' || !Number.isInteger(axis) || dims[axis - 1] !== -1) {
    throw wrong(
      place,
      `axis= must be an axis of '${name}' whose size is -1, counted from 1 after the batch dimension`,
    );
  }
  return axis;
}

function bounds(place: Place, text: string): readonly number[] | undefined {
  if (text === 'powers_of_two') return undefined;
  const sizes = text.split(',').map(Number);
  const ascending = sizes.every((size, index) => size > (sizes[index - 1] ?? 0));
  const whole = sizes.every((size) => Number.isInteger(size) && size <= largestBound);
  if (!ascending || !whole || sizes.length > mostBounds) {
    throw wrong(place, `buckets= is powers_of_two or up to ${mostBounds} sizes, ascending: buckets=16,32,64`);
  }
  return sizes;
}

/** The input that holds each row's real size: whole numbers, one a row. */
function lengthInput(place: Place, name: string): void {
  const { data_type: type, dims } = tensorOf(place, name, place.config.input, 'input');
  if (!/^TYPE_U?INT(?:32|64)$/.test(type) || dims.some((dim) => dim !== 1)) {
    throw wrong(
      place,
      `length= must name an input of 32 or 64 bit integers, one a row, and '${name}' is none`,
    );
  }
}

const writers: Readonly<Partial<Record<Datatype, (view: DataView, value: number) => void>>> = {
  FP32: (view, value) => view.setFloat32(0, value, true),
  FP64: (view, value) => view.setFloat64(0, value, true),
  INT8: (view, value) => view.setInt8(0, value),
  INT16: (view, value) => view.setInt16(0, value, true),
  INT32: (view, value) => view.setInt32(0, value, true),
  INT64: (view, value) => view.setBigInt64(0, BigInt(value), true),
  UINT8: (view, value) => view.setUint8(0, value),
  UINT16: (view, value) => view.setUint16(0, value, true),
  UINT32: (view, value) => view.setUint32(0, value, true),
  UINT64: (view, value) => view.setBigUint64(0, BigInt(value), true),
  BOOL: (view, value) => view.setUint8(0, value),
};

function fillOf(place: Place, datatype: Datatype, text: string): Uint8Array {
  const value = Number(text);
  const fractional = datatype === 'FP32' || datatype === 'FP64';
  const [least, most] = rangeOf(datatype);
  const fits = fractional
    ? !Number.isNaN(value)
    : Number.isSafeInteger(value) && value >= least && value <= most;
  if (text === '' || !fits) throw wrong(place, `value= '${text}' is no ${datatype}`);
  const fill = new Uint8Array(datatypeSizeBytes[datatype]);
  const write = writers[datatype];
  if (write !== undefined) write(new DataView(fill.buffer), value);
  else if (value !== 0) throw wrong(place, `value= of an input of ${datatype} must be 0`);
  return fill;
}

function rangeOf(datatype: Datatype): readonly [number, number] {
  if (datatype === 'BOOL') return [0, 1];
  const bits = datatypeSizeBytes[datatype] * 8;
  return datatype.startsWith('U') ? [0, 2 ** bits - 1] : [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
}

/** An input has one size along one axis. */
function checkOnce(config: ModelConfig, sizes: readonly PaddedSize[]): void {
  const names = sizes.flatMap(({ inputs }) => inputs.map(({ name }) => name));
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice === undefined) return;
  throw wrong({ config, key: `${inputPrefix}${twice}` }, `input '${twice}' is padded as a mask already`);
}

function wrong({ config, key }: Place, problem: string): Error {
  return configError(config.name, `parameters["${key}"]`, problem);
}
