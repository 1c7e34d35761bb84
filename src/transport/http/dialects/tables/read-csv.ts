import { maxColumns, refuseTable } from './refuse-table.ts';

/** Each is a text by itself, which takes more memory than its characters. */
const maxFields = 1 << 21;

/**
 * Reads comma-separated values as RFC 4180 has them: fields may be quoted, lines end in LF or CRLF, and an empty line at the
 * end counts for nothing.
 *
 * @throws invalid_argument for quotes that do not end, lines of different length, and more of either than may be.
 */
export function readCsv(text: string, maxLines: number): readonly (readonly string[])[] {
  const lines: string[][] = [];
  let line: string[] = [];
  let fields = 0;
  let position = text.startsWith('\uFEFF') ? 1 : 0;
  while (position < text.length) {
    const { field, end } = text[position] === '"' ? quoted(text, position) : plain(text, position);
    line.push(field);
    if (line.length > maxColumns) throw refuseTable.columns();
    if (++fields > maxFields) throw refuseTable.fields(maxFields);
    const next = text[end];
    if (next !== ',') {
      if (lines.length >= maxLines) throw refuseTable.lines(maxLines);
      lines.push(line);
      line = [];
    } else if (end + 1 === text.length) line.push('');
    position = next === '\r' ? end + 2 : end + 1;
  }
  if (line.length > 0) lines.push(line);
  const width = lines[0]?.length ?? 0;
  const uneven = lines.findIndex(({ length }) => length !== width);
  if (uneven >= 0) throw refuseTable.uneven(uneven, width, lines[uneven]?.length ?? 0);
  return lines;
}

interface Field {
  readonly field: string;
  /** Where the separator stands; the text's length at its end. */
  readonly end: number;
}

const separator = /,|\r\n|\n/g;

function plain(text: string, start: number): Field {
  separator.lastIndex = start;
  const end = separator.exec(text)?.index ?? text.length;
  return { field: text.slice(start, end), end };
}

function quoted(text: string, start: number): Field {
  let field = '';
  let from = start + 1;
  for (;;) {
    const quote = text.indexOf('"', from);
    if (quote === -1) throw refuseTable.quote();
    field += text.slice(from, quote);
    if (text[quote + 1] !== '"') {
      const end = quote + 1;
      if (end < text.length && !/^(?:,|\r\n|\n)/.test(text.slice(end, end + 2))) throw refuseTable.quote();
      return { field, end };
    }
    field += '"';
    from = quote + 2;
  }
}
