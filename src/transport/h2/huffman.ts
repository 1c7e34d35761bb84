import { byteAt } from './bytes.ts';

/**
 * Code lengths of the symbols 0 to 255 and of EOS (RFC 7541, appendix B). The code is canonical, so the lengths alone
 * determine it.
 */
const codeLengths = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28,
  28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7,
  8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19,
  13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13,
  28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21,
  22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23,
  22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25,
  25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];
const endOfString = 256;
/** EOS's code of 30 ones may only appear as padding, and of padding there are at most 7 bits. */
const longestPadding = 7;

/**
 * The code as a machine that eats four bits a step. A state is an inner node of the code tree; `next` is -1 where the
 * bits lead to EOS or to no symbol, `emit` is -1 where no symbol ends.
 */
interface Machine {
  readonly next: Int16Array;
  readonly emit: Int16Array;
  /** 1 where a string may end: at most 7 ones since the last symbol. */
  readonly accepts: Uint8Array;
}

/** Children of each node: the index of an inner node, or a symbol as its complement. */
function buildTree(): [number, number][] {
  const nodes: [number, number][] = [[0, 0]];
  const symbols = codeLengths.map((_, symbol) => symbol);
  const lengthOf = (symbol: number): number => codeLengths[symbol] ?? 0;
  symbols.sort((a, b) => lengthOf(a) - lengthOf(b) || a - b);
  let code = 0;
  let length = lengthOf(symbols[0] ?? 0);
  for (const symbol of symbols) {
    code *= 2 ** (lengthOf(symbol) - length);
    length = lengthOf(symbol);
    let node = 0;
    for (let bit = length - 1; bit >= 0; bit--) {
      const side = Math.floor(code / 2 ** bit) % 2 === 0 ? 0 : 1;
      const children = nodes[node] ?? [0, 0];
      if (bit === 0) children[side] = ~symbol;
      else if (children[side] === 0) children[side] = nodes.push([0, 0]) - 1;
      node = children[side];
    }
    code++;
  }
  return nodes;
}

function buildMachine(): Machine {
  const nodes = buildTree();
  const next = new Int16Array(nodes.length * 16);
  const emit = new Int16Array(nodes.length * 16).fill(-1);
  for (let state = 0; state < nodes.length; state++) {
    for (let nibble = 0; nibble < 16; nibble++) {
      let node = state;
      for (let bit = 3; bit >= 0 && node >= 0; bit--) {
        const child = nodes[node]?.[(nibble >> bit) & 1] ?? 0;
        if (child >= 0) node = child;
        else if (~child === endOfString) node = -1;
        else {
          emit[state * 16 + nibble] = ~child;
          node = 0;
        }
      }
      next[state * 16 + nibble] = node;
    }
  }
  const accepts = new Uint8Array(nodes.length);
  for (let node = 0, depth = 0; depth <= longestPadding; depth++) {
    accepts[node] = 1;
    node = nodes[node]?.[1] ?? 0;
  }
  return { next, emit, accepts };
}

const machine = buildMachine();
let scratch = Buffer.allocUnsafeSlow(8192);

/** Decodes `bytes[start, end)`; undefined when that is no valid Huffman string (RFC 7541, section 5.2). */
export function decodeHuffman(bytes: Uint8Array, start: number, end: number): string | undefined {
  const { next, emit } = machine;
  const bound = ((end - start) * 8) / 5 + 1;
  if (bound > scratch.length) scratch = Buffer.allocUnsafeSlow(bound * 2);
  const output = scratch;
  let state = 0;
  let length = 0;
  for (let at = start; at < end; at++) {
    const byte = byteAt(bytes, at);
    const high = state * 16 + (byte >> 4);
    const first = emit[high] as number;
    if (first >= 0) output[length++] = first;
    state = next[high] as number;
    if (state < 0) return undefined;
    const low = state * 16 + (byte & 15);
    const second = emit[low] as number;
    if (second >= 0) output[length++] = second;
    state = next[low] as number;
    if (state < 0) return undefined;
  }
  return machine.accepts[state] === 1 ? output.toString('latin1', 0, length) : undefined;
}
