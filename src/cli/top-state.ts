import type { LiveView } from '../console/live-view.ts';
import type { ModelRow } from '../console/model-rows.ts';
import type { Key } from './live-terminal.ts';
import { detailLines } from './top-details.ts';
import {
  modelTable,
  serverLines,
  sortOrders,
  sortRows,
  type ScreenLine,
  type SortOrder,
} from './top-screen.ts';

export interface TopView {
  readonly view: LiveView;
  readonly rows: readonly ModelRow[];
}

interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** Header, head of the table, and footer. */
const linesAround = 6;

/** What is on the screen, and which part of it: changed by readings and by keys. */
export class TopState {
  readonly #address: string;
  #latest: TopView | undefined = undefined;
  /** Why there is nothing newer, or less than there could be. */
  #note = '';
  #order: SortOrder = 'rate';
  /** A model's row that stays selected wherever it moves; undefined: the first. */
  #selected: string | undefined = undefined;
  #details = false;
  #first = 0;

  constructor(address: string) {
    this.#address = address;
  }

  update(latest: TopView, note: string): void {
    this.#latest = latest;
    this.#note = note;
  }

  fail(note: string): void {
    this.#note = note;
  }

  /** @param pageRows lines that the table has. */
  press(key: Exclude<Key, 'quit'>, pageRows: number): void {
    if (key === 'sort') {
      this.#order = sortOrders[(sortOrders.indexOf(this.#order) + 1) % sortOrders.length] ?? 'rate';
    } else if (key === 'enter') this.#details = !this.#details;
    else if (key === 'back') this.#details = false;
    else this.#move({ up: -1, down: 1, 'page up': -pageRows, 'page down': pageRows }[key]);
  }

  lines(size: Size): readonly ScreenLine[] {
    const latest = this.#latest;
    if (latest === undefined) {
      return plain([`tensorgate at ${this.#address}`, '', this.#note === '' ? 'reading ...' : this.#note]);
    }
    const head = plain([...serverLines(latest.view, this.#address), '']);
    const rows = this.#rows();
    const at = this.#indexOf(rows);
    const row = rows[at];
    const height = Math.max(1, size.rows - linesAround);
    const body =
      this.#details && row !== undefined
        ? plain(detailLines(row))
        : this.#table(rows, at, { height, columns: size.columns });
    const gap = plain(Array.from({ length: Math.max(0, height + 1 - body.length) }, () => ''));
    return [...head, ...body.slice(0, height + 1), ...gap, this.#footer(rows.length)];
  }

  #footer(count: number): ScreenLine {
    if (this.#note !== '') return { text: this.#note, style: 'bad' };
    const shown = this.#details ? 'enter back' : `enter details  s sort (${this.#order})`;
    return { text: `q quit  up/down select  ${shown}  ${count} models`, style: 'faint' };
  }

  #table(
    rows: readonly ModelRow[],
    at: number,
    { height, columns }: { readonly height: number; readonly columns: number },
  ): readonly ScreenLine[] {
    const [head, ...lines] = modelTable(rows, columns);
    this.#first = Math.max(0, Math.min(this.#first, at, rows.length - 1), at - height + 1);
    const shown = lines
      .map((line, index): ScreenLine => (index === at ? { ...line, style: 'selected' } : line))
      .slice(this.#first, this.#first + height);
    const none = rows.length === 0 ? plain(['no models']) : [];
    return head === undefined ? shown : [head, ...shown, ...none];
  }

  #rows(): readonly ModelRow[] {
    return this.#latest === undefined ? [] : sortRows(this.#latest.rows, this.#order);
  }

  #indexOf(rows: readonly ModelRow[]): number {
    return Math.max(
      0,
      rows.findIndex((row) => keyOf(row) === this.#selected),
    );
  }

  #move(by: number): void {
    const rows = this.#rows();
    const row = rows[Math.max(0, Math.min(rows.length - 1, this.#indexOf(rows) + by))];
    this.#selected = row === undefined ? undefined : keyOf(row);
  }
}

function keyOf({ model, version }: ModelRow): string {
  return `${version}/${model}`;
}

function plain(texts: readonly string[]): ScreenLine[] {
  return texts.map((text) => ({ text, style: 'plain' }));
}
