import { isUtf8 } from 'node:buffer';
import { elementCount, type Tensor } from '../../../../inference/tensor.ts';
import { appendElements } from '../../element-text.ts';
import { refuse } from '../../refuse.ts';
import { isHalf, widenHalf } from './half-floats.ts';

/** Lists of lists without elements have no data that would bound them. */
const maxEmptyLists = 65_536;

const openBracket = 0x5b;
const closeBracket = 0x5d;
const comma = 0x2c;
/** Stands between texts instead of a comma, as JSON never holds it. */
const unitSeparator = 0x1f;

/**
 * Nested lists of the tensor's shape as JSON; a bare value for a scalar. FP16 and BF16 are written as what they are, and
 * elements of BYTES that are no UTF-8 as `{"b64": "..."}`, like all of a tensor whose name ends in `_bytes`.
 *
 * @throws invalid_argument for a shape of far too many empty lists.
 */
export function nestedText(tensor: Tensor): Buffer {
  return textOf(tensor, undefined);
}

/** The same for each row of a tensor that is no scalar. */
export function rowTexts(tensor: Tensor): readonly Buffer[] {
  const rowEnds: number[] = [];
  const text = textOf(tensor, rowEnds);
  // Behind the bracket of the whole, and then behind each comma.
  return rowEnds.map((end, row) => text.subarray((rowEnds[row - 1] ?? 0) + 1, end));
}

function textOf(tensor: Tensor, rowEnds: number[] | undefined): Buffer {
  const { shape, datatype } = tensor;
  if (elementCount(shape) === 0) return emptyText(tensor, rowEnds);
  const separator = datatype === 'BYTES' ? unitSeparator : comma;
  const flat = datatype === 'BYTES' ? bytesText(tensor) : flatText(tensor);
  return shape.length === 0 ? flat : nest(flat, shape, separator, rowEnds);
}

function flatText(tensor: Tensor): Buffer {
  const pieces: Uint8Array[] = [];
  appendElements(pieces, isHalf(tensor.datatype) ? widenHalf(tensor) : tensor);
  return Buffer.concat(pieces);
}

function bytesText({ name, data }: Tensor): Buffer {
  const asBase64 = name.endsWith('_bytes');
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const texts: string[] = [];
  for (let position = 0; position < bytes.length;) {
    const end = position + 4 + bytes.readUInt32LE(position);
    const element = bytes.subarray(position + 4, end);
    const isText = !asBase64 && isUtf8(element);
    texts.push(isText ? JSON.stringify(element.toString()) : `{"b64":"${element.toString('base64')}"}`);
    position = end;
  }
  return Buffer.from(texts.join(String.fromCharCode(unitSeparator)));
}

/** Shorter runs are copied by a loop, which beats the call into native code. */
const loopedBytes = 48;

/** Copies elements and puts brackets between them. @param flat is written to. */
function nest(
  flat: Buffer,
  shape: readonly number[],
  separator: number,
  rowEnds: number[] | undefined,
): Buffer {
  const depth = shape.length;
  const perList = depth === 1 ? 1 : (shape[depth - 1] ?? 1);
  const text = Buffer.allocUnsafe(flat.length + 2 * listsOf(shape));
  text.fill(openBracket, 0, depth);
  let at = depth;
  let start = 0;
  let left = perList;
  let lists = 0;
  for (let from = 0; from < flat.length; from++) {
    if (flat[from] !== separator) continue;
    if (--left > 0) {
      flat[from] = comma;
      continue;
    }
    left = perList;
    at = copy({ from: flat, start, end: from }, text, at);
    start = from + 1;
    const ended = depth === 1 ? 0 : listsEnded(shape, ++lists);
    for (let list = 0; list < ended; list++) text[at++] = closeBracket;
    if (ended === depth - 1) rowEnds?.push(at);
    text[at++] = comma;
    for (let list = 0; list < ended; list++) text[at++] = openBracket;
  }
  at = copy({ from: flat, start, end: flat.length }, text, at);
  text.fill(closeBracket, at, at + depth);
  rowEnds?.push(at + depth - 1);
  return text;
}

/** How many lists end with the innermost list of this number, that one included; the outermost is not asked for. */
function listsEnded(shape: readonly number[], lists: number): number {
  let ended = 1;
  let perList = 1;
  for (let level = shape.length - 2; level > 0; level--) {
    perList *= shape[level] ?? 1;
    if (lists % perList !== 0) break;
    ended++;
  }
  return ended;
}

/** Lists of all levels. */
function listsOf(shape: readonly number[]): number {
  let lists = 0;
  let ofLevel = 1;
  for (const size of shape) {
    lists += ofLevel;
    ofLevel *= size;
  }
  return lists;
}

interface Run {
  readonly from: Buffer;
  readonly start: number;
  readonly end: number;
}

/** Returns the position behind the copy. */
function copy({ from, start, end }: Run, text: Buffer, at: number): number {
  if (end - start > loopedBytes) return at + from.copy(text, at, start, end);
  for (let index = start; index < end; index++) text[at++] = from[index] ?? 0;
  return at;
}

function emptyText({ name, shape }: Tensor, rowEnds: number[] | undefined): Buffer {
  const depth = shape.indexOf(0);
  if (listsOf(shape.slice(0, depth + 1)) > maxEmptyLists) throw refuse.emptyLists(name);
  let text = '[]';
  for (let level = depth - 1; level >= 0; level--) {
    const size = shape[level] ?? 0;
    if (level === 0) for (let row = 1; row <= size; row++) rowEnds?.push(row * (text.length + 1));
    text = `[${Array<string>(size).fill(text).join(',')}]`;
  }
  return Buffer.from(text);
}
