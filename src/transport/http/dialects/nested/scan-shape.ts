import { char, type JsonReader } from '../../json-reader.ts';
import { refuse } from '../../refuse.ts';

/** As for shapes that clients send as numbers. */
const maxDimensions = 64;

/** Sizes of nested lists while they are read. */
interface Lists {
  readonly name: string;
  /** -1 for a dimension of which no list has ended yet. */
  readonly shape: number[];
  /** Elements so far of the lists that are open. */
  readonly counts: number[];
  /** How deep values stand; -1 before the first. */
  valueDepth: number;
}

/**
 * The shape of the value at the reader's position, which stays there: `[[1,2,3],[4,5,6]]` is [2, 3], a scalar is [].
 * Commas and values are left for who reads them.
 *
 * @throws invalid_argument for lists of one level that differ in size or depth.
 */
export function scanShape(reader: JsonReader, name: string): readonly number[] {
  const lists: Lists = { name, shape: [], counts: [], valueDepth: -1 };
  reader.peek();
  const start = reader.position;
  const { bytes } = reader;
  let position = start;
  do {
    const next = bytes[position];
    if (next === undefined) reader.fail('the end is missing');
    if (next === char.openBracket) {
      openList(lists);
      position++;
    } else if (next === char.closeBracket) {
      if (lists.counts.length === 0) reader.fail('no value');
      closeList(lists);
      position++;
    } else if (next === char.comma || next <= 0x20) position++;
    else {
      countValue(lists);
      position =
        next === char.quote || next === char.openBrace ? skip(reader, position) : endOf(bytes, position);
    }
  } while (lists.counts.length > 0);
  reader.position = start;
  return lists.shape;
}

function openList({ name, shape, counts, valueDepth }: Lists): void {
  const depth = counts.length;
  if (depth === valueDepth) throw refuse.ragged(name);
  if (depth >= maxDimensions) throw refuse.dimensions(maxDimensions);
  if (depth > 0) counts[depth - 1] = (counts[depth - 1] ?? 0) + 1;
  counts.push(0);
  if (shape.length === depth) shape.push(-1);
}

function closeList({ name, shape, counts }: Lists): void {
  const count = counts.pop();
  const depth = counts.length;
  if (shape[depth] === -1) shape[depth] = count ?? 0;
  else if (shape[depth] !== count) throw refuse.ragged(name);
}

function countValue(lists: Lists): void {
  const { name, shape, counts } = lists;
  const depth = counts.length;
  if (lists.valueDepth === -1) lists.valueDepth = depth;
  if (lists.valueDepth !== depth || shape.length !== depth) throw refuse.ragged(name);
  if (depth > 0) counts[depth - 1] = (counts[depth - 1] ?? 0) + 1;
}

function skip(reader: JsonReader, position: number): number {
  reader.position = position;
  reader.skip();
  return reader.position;
}

/** Behind a number or a word. */
function endOf(bytes: Buffer, start: number): number {
  let position = start + 1;
  let next = bytes[position];
  while (next !== undefined && next > 0x20 && next !== char.comma && next !== char.closeBracket) {
    next = bytes[++position];
  }
  return position;
}
