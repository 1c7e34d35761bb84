import { texts } from '../client/infer-messages.ts';
import type { InferAnswer, OutputTensor } from '../client/types.ts';
import { printable, renderTable } from './table.ts';

/** More is for --json. */
const maxShownRows = 20;
const maxShownColumns = 12;

/** One table per output: a line per row of the batch, or a line per class. */
export function renderAnswer(answer: InferAnswer, classified: ReadonlySet<string>): string {
  const tables = answer.outputs.map((output) => {
    const title = `${printable(output.name)}  ${output.datatype} [${output.shape.join(', ')}]\n`;
    return title + (classified.has(output.name) ? classTable(output) : valueTable(output));
  });
  return tables.join('\n');
}

function valueTable(output: OutputTensor): string {
  const values = elements(output);
  const width =
    output.shape.length <= 1 ? 1 : output.shape.slice(1).reduce((product, dim) => product * dim, 1);
  const rows = width === 0 ? 0 : values.length / width;
  const shownWidth = Math.min(width, maxShownColumns);
  const heads = [
    'row',
    ...Array.from({ length: shownWidth }, (_, column) => (width === 1 ? 'value' : `${column}`)),
  ];
  const lines = Array.from({ length: Math.min(rows, maxShownRows) }, (_, row) => [
    `${row}`,
    ...values.slice(row * width, row * width + shownWidth),
  ]);
  const hidden: string[] = [];
  if (rows > maxShownRows) hidden.push(`${rows - maxShownRows} more rows`);
  if (width > shownWidth) hidden.push(`${width - shownWidth} more values a row`);
  return (
    renderTable(heads, lines, new Set(heads)) +
    (hidden.length === 0 ? '' : `(${hidden.join(', ')}: --json)\n`)
  );
}

function elements(output: OutputTensor): string[] {
  if (output.datatype === 'BYTES') return texts(output).map(printable);
  const shown: string[] = [];
  for (const element of output.data) {
    if (typeof element === 'number' && !Number.isInteger(element))
      shown.push(String(Number(element.toPrecision(6))));
    else shown.push(output.datatype === 'BOOL' ? String(element === 1) : String(element));
  }
  return shown;
}

/** Elements are `value:index` or `value:index:label`, best first within a row. */
function classTable(output: OutputTensor): string {
  const perRow = output.shape.at(-1) ?? 1;
  const rows = texts(output).map((element, index) => {
    const [value = '', classIndex = '', ...label] = element.split(':');
    return [`${Math.floor(index / Math.max(1, perRow))}`, classIndex, printable(label.join(':')), value];
  });
  return renderTable(['row', 'class', 'label', 'score'], rows, new Set(['row', 'class', 'score']));
}

/** The protocol's JSON form of a response, data flat in row-major order; 64-bit integers beyond 2^53 as texts. */
export function answerJson(answer: InferAnswer): string {
  const outputs = answer.outputs.map((output) => ({
    name: output.name,
    datatype: output.datatype,
    shape: output.shape,
    data: output.datatype === 'BYTES' ? texts(output) : [...output.data].map(jsonElement(output.datatype)),
  }));
  const { model, version, id, parameters } = answer;
  const head = { model_name: model, model_version: version, ...(id === '' ? {} : { id }) };
  const extra = Object.keys(parameters).length === 0 ? {} : { parameters };
  return JSON.stringify({ ...head, ...extra, outputs }, (_key, value: unknown) =>
    typeof value === 'bigint' ? wideNumber(value) : value,
  );
}

function jsonElement(datatype: string): (element: number | bigint | Uint8Array) => unknown {
  return (element) => {
    if (datatype === 'BOOL') return element === 1;
    if (datatype === 'FP32' && typeof element === 'number') return shortest(element);
    return typeof element === 'bigint' ? wideNumber(element) : element;
  };
}

/** The shortest decimal that is this float32 again; as a double it would show digits that nobody computed. */
function shortest(element: number): number {
  for (let digits = 6; digits < 9; digits++) {
    const decimal = Number(element.toPrecision(digits));
    if (Math.fround(decimal) === element) return decimal;
  }
  return Number.isFinite(element) ? Number(element.toPrecision(9)) : element;
}

function wideNumber(wide: bigint): number | string {
  const narrow = Number(wide);
  return Number.isSafeInteger(narrow) ? narrow : wide.toString();
}
