import { staticTable } from './static-table.ts';

const staticNames = new Map<string, number>();
for (const [position, [name]] of staticTable.entries()) {
  if (!staticNames.has(name)) staticNames.set(name, position + 1);
}
const staticPairs = new Map(
  staticTable.map(([name, value], position) => [`${name}\n${value}`, position + 1]),
);

function pushInteger(bytes: number[], prefixBits: number, pattern: number, value: number): void {
  const mask = (1 << prefixBits) - 1;
  if (value < mask) {
    bytes.push(pattern | value);
    return;
  }
  bytes.push(pattern | mask);
  let rest = value - mask;
  while (rest >= 128) {
    bytes.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
}

function pushString(bytes: number[], text: string): void {
  pushInteger(bytes, 7, 0, text.length);
  for (let index = 0; index < text.length; index++) bytes.push(text.charCodeAt(index) & 0xff);
}

/**
 * Encodes a header list without touching the peer's dynamic table, so that blocks can be built once and sent on any
 * connection at any time. Names and values are Latin-1.
 */
export function encodeHeaderBlock(fields: Iterable<readonly [name: string, value: string]>): Buffer {
  const bytes: number[] = [];
  for (const [name, value] of fields) {
    const pair = staticPairs.get(`${name}\n${value}`);
    if (pair !== undefined) {
      pushInteger(bytes, 7, 0x80, pair);
      continue;
    }
    const nameIndex = staticNames.get(name);
    pushInteger(bytes, 4, 0, nameIndex ?? 0);
    if (nameIndex === undefined) pushString(bytes, name);
    pushString(bytes, value);
  }
  return Buffer.from(bytes);
}
