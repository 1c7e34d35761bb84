import { byteAt } from './bytes.ts';
import { ConnectionError } from './connection-error.ts';
import { DynamicTable } from './dynamic-table.ts';
import { HeaderField } from './header-field.ts';
import { decodeHuffman } from './huffman.ts';
import { defaultHeaderTableBytes, errorCode } from './protocol.ts';
import { staticTable } from './static-table.ts';

const staticFields = staticTable.map(([name, value]) => new HeaderField(name, value));
const firstDynamicIndex = staticFields.length + 1;
/** Longer integers than this do not occur in a header block of bounded size. */
const maxIntegerShift = 21;

/**
 * A decoded block. `fields` is cut off where the list grew beyond the limit, but for a content type behind that, by which
 * the form of the refusal is chosen; the table state is right all the same.
 */
export interface HeaderList {
  readonly fields: HeaderField[];
  /** Of all fields, those that were cut off included. */
  readonly sizeBytes: number;
  /** True if decoding changed the dynamic table, so that the same bytes would mean something else now. */
  readonly changedTable: boolean;
}

function compressionError(what: string): ConnectionError {
  return new ConnectionError(errorCode.compressionError, what);
}

/** RFC 7541 for one direction of one connection. Any error is one of the connection (section 2.2). */
export class HpackDecoder {
  readonly #table = new DynamicTable();
  readonly #maxListBytes: number;
  #at = 0;
  #end = 0;

  constructor(maxListBytes: number) {
    this.#maxListBytes = maxListBytes;
  }

  /** @throws ConnectionError on anything that RFC 7541 forbids. */
  decode(block: Buffer, start: number, end: number): HeaderList {
    this.#at = start;
    this.#end = end;
    const fields: HeaderField[] = [];
    let listBytes = 0;
    let changedTable = false;
    let contentType: HeaderField | undefined;
    while (this.#at < this.#end) {
      const first = byteAt(block, this.#at);
      let field: HeaderField;
      if ((first & 0x80) !== 0) {
        field = this.#lookUp(this.#integer(block, 7));
      } else if ((first & 0x40) !== 0) {
        field = this.#literal(block, 6);
        this.#table.add(field);
        changedTable = true;
      } else if ((first & 0x20) !== 0) {
        if (listBytes > 0) throw compressionError('table size update after a field');
        this.#resize(this.#integer(block, 5));
        changedTable = true;
        continue;
      } else {
        field = this.#literal(block, 4);
      }
      listBytes += field.sizeBytes;
      if (listBytes <= this.#maxListBytes) fields.push(field);
      else if (field.kind === 'contentType') contentType ??= field;
    }
    if (contentType !== undefined) fields.push(contentType);
    return { fields, sizeBytes: listBytes, changedTable };
  }

  #resize(capacityBytes: number): void {
    if (capacityBytes > defaultHeaderTableBytes)
      throw compressionError('table size above the announced limit');
    this.#table.resize(capacityBytes);
  }

  #lookUp(index: number): HeaderField {
    const field =
      index < firstDynamicIndex ? staticFields[index - 1] : this.#table.get(index - firstDynamicIndex);
    if (field === undefined) throw compressionError('index outside the tables');
    return field;
  }

  #literal(block: Buffer, prefixBits: number): HeaderField {
    const nameIndex = this.#integer(block, prefixBits);
    const name = nameIndex === 0 ? this.#string(block) : this.#lookUp(nameIndex).name;
    return new HeaderField(name, this.#string(block));
  }

  #integer(block: Buffer, prefixBits: number): number {
    const mask = (1 << prefixBits) - 1;
    let value = byteAt(block, this.#at++) & mask;
    if (value < mask) return value;
    for (let shift = 0; ; shift += 7) {
      if (this.#at >= this.#end || shift > maxIntegerShift)
        throw compressionError('integer cut off or too long');
      const byte = byteAt(block, this.#at++);
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
  }

  #string(block: Buffer): string {
    if (this.#at >= this.#end) throw compressionError('string missing');
    const isHuffman = byteAt(block, this.#at) >= 128;
    const length = this.#integer(block, 7);
    const start = this.#at;
    if (length > this.#end - start) throw compressionError('string longer than its block');
    this.#at = start + length;
    if (!isHuffman) return block.toString('latin1', start, start + length);
    const text = decodeHuffman(block, start, start + length);
    if (text === undefined) throw compressionError('invalid Huffman code');
    return text;
  }
}
