/** A field of a message: its wire type, and what stands inside. */
interface Field {
  readonly wire: number;
  readonly inside?: 'utf8' | 'packed32' | 'packed64' | Schema;
  /** The varint holds at most 32 bits by its type. */
  readonly narrow?: boolean;
  /** At most once in this form: protobufjs neither merges messages nor lets the last choice of a oneof win. */
  readonly once?: 'field' | 'message';
}

interface Schema {
  readonly [field: number]: Field;
}

const text: Field = { wire: 2, inside: 'utf8' };
const value: Schema = {
  1: { wire: 0, narrow: true, once: 'message' },
  2: { wire: 0, once: 'message' },
  3: { wire: 2, inside: 'utf8', once: 'message' },
  4: { wire: 1, once: 'message' },
  5: { wire: 0, once: 'message' },
};
const parameter: Field = { wire: 2, inside: { 1: text, 2: { wire: 2, inside: value, once: 'field' } } };
const contents: Schema = {
  1: { wire: 0, inside: 'packed32', narrow: true },
  2: { wire: 0, inside: 'packed32', narrow: true },
  3: { wire: 0, inside: 'packed64' },
  4: { wire: 0, inside: 'packed32', narrow: true },
  5: { wire: 0, inside: 'packed64' },
  6: { wire: 5, inside: 'packed64' },
  7: { wire: 1, inside: 'packed64' },
  8: { wire: 2 },
};
const input: Schema = {
  1: text,
  2: text,
  3: { wire: 0, inside: 'packed64' },
  4: parameter,
  5: { wire: 2, inside: contents, once: 'field' },
};

/** inference.ModelInferRequest. */
export const requestSchema: Schema = {
  1: text,
  2: text,
  3: text,
  4: parameter,
  5: { wire: 2, inside: input },
  6: { wire: 2, inside: { 1: text, 2: parameter } },
  7: { wire: 2 },
};

/** `malformed`: no decoder may accept the bytes. `unclear`: protobufjs is no reference for them. */
export type Oddity = 'none' | 'malformed' | 'unclear';

/**
 * The first thing in bytes that protobufjs 7 reads otherwise than the protobuf specification says. Unclear: fields of a
 * wrong wire type (it reads them nevertheless), varints of 32-bit types in more than five bytes (it takes them for ten),
 * groups, and what `once` marks. Malformed, though it accepts many: what is cut short or reaches beyond its message,
 * varints of more than ten bytes, tags of more than 32 bits, fields numbered 0, strings that are not UTF-8.
 */
export function findOddity(bytes: Buffer, schema: Schema): Oddity {
  try {
    walk(bytes, schema);
    return 'none';
  } catch (thrown) {
    if (thrown instanceof Odd) return thrown.kind;
    throw thrown;
  }
}

class Odd extends Error {
  readonly kind: Oddity;

  constructor(kind: Oddity) {
    super(kind);
    this.kind = kind;
  }
}

function walk(bytes: Buffer, schema: Schema): void {
  let position = 0;
  const varint = (maxBytes: number): number => {
    let result = 0;
    for (let count = 0; count < maxBytes; count++) {
      const byte = bytes[position++];
      if (byte === undefined) throw new Odd('malformed');
      result += (byte & 0x7f) * 128 ** count;
      if (byte < 0x80) return result;
    }
    throw new Odd(maxBytes === 10 ? 'malformed' : 'unclear');
  };
  const take = (size: number): Buffer => {
    if (size > bytes.length - position) throw new Odd('malformed');
    position += size;
    return bytes.subarray(position - size, position);
  };
  const seen = new Set<number>();
  while (position < bytes.length) {
    const tag = varint(5);
    const number = Math.floor(tag / 8);
    const field = schema[number];
    if (number === 0 || tag > 0xffff_ffff) throw new Odd('malformed');
    if (field?.once !== undefined) {
      if (field.once === 'message' ? seen.size > 0 : seen.has(number)) throw new Odd('unclear');
      seen.add(number);
    }
    const wire = tag % 8;
    const isPacked = typeof field?.inside === 'string' && field.inside.startsWith('packed');
    if (field !== undefined && wire !== field.wire && !(isPacked && wire === 2)) throw new Odd('unclear');
    if (wire === 0) varint(field?.narrow === true ? 5 : 10);
    else if (wire === 1) take(8);
    else if (wire === 5) take(4);
    else if (wire === 2) inside(take(varint(5)), field);
    else throw new Odd('unclear');
  }
}

function inside(bytes: Buffer, field: Field | undefined): void {
  const what = field?.inside;
  if (what === undefined) return;
  if (what === 'utf8') {
    if (!Buffer.from(bytes.toString('utf8')).equals(bytes)) throw new Odd('malformed');
  } else if (typeof what === 'object') walk(bytes, what);
  else if (field?.wire !== 0) {
    if (bytes.length % (field?.wire === 5 ? 4 : 8) !== 0) throw new Odd('malformed');
  } else {
    let run = 0;
    for (const byte of bytes) {
      run = byte < 0x80 ? 0 : run + 1;
      if (run >= (what === 'packed32' ? 5 : 10)) throw new Odd(what === 'packed64' ? 'malformed' : 'unclear');
    }
    if (run > 0) throw new Odd('malformed');
  }
}
