import { createReadStream } from 'node:fs';

/** One field of one line may not be longer: what has an open quotation mark would be read as one. */
const mostFieldChars = 1_000_000;

/** The rows of a file of comma-separated values (RFC 4180), the first of which names the columns. */
export async function* readCsv(path: string): AsyncGenerator<readonly string[], void, void> {
  const lines = new CsvRows();
  for await (const chunk of createReadStream(path, { encoding: 'utf8' })) yield* lines.add(String(chunk));
  yield* lines.end();
}

/** Puts rows together from pieces of text. */
class CsvRows {
  #row: string[] = [];
  #field = '';
  /** Inside of quotation marks; behind one that may end them, or be half of a doubled one; or neither. */
  #state: 'plain' | 'quoted' | 'closing' = 'plain';
  #first = true;

  *add(text: string): Generator<readonly string[], void, void> {
    const skipped = this.#first && text.startsWith('\ufeff') ? 1 : 0;
    this.#first = false;
    for (let at = skipped; at < text.length; at++) {
      const character = text[at] ?? '';
      if (this.#state === 'quoted') {
        if (character === '"') this.#state = 'closing';
        else this.#append(character);
      } else if (character === '"' && (this.#state === 'closing' || this.#field === '')) {
        if (this.#state === 'closing') this.#append('"');
        this.#state = 'quoted';
      } else if (character === ',') this.#endField();
      else if (character === '\n') yield* this.#endRow();
      else if (character !== '\r') this.#append(character);
    }
  }

  *end(): Generator<readonly string[], void, void> {
    if (this.#field !== '' || this.#row.length > 0) yield* this.#endRow();
  }

  #append(character: string): void {
    if (this.#field.length >= mostFieldChars) throw new RangeError('a field is too long');
    this.#field += character;
  }

  #endField(): void {
    this.#row.push(this.#field);
    this.#field = '';
    this.#state = 'plain';
  }

  *#endRow(): Generator<readonly string[], void, void> {
    this.#endField();
    const row = this.#row;
    this.#row = [];
    // An empty line is no row of one empty field.
    if (row.length > 1 || row[0] !== '') yield row;
  }
}
