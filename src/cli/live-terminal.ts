import type { LineStyle, ScreenLine } from './top-screen.ts';

export type Key = 'up' | 'down' | 'page up' | 'page down' | 'enter' | 'back' | 'sort' | 'quit';

/** Where keys come from; the process's own input, or a test's. */
export interface KeySource {
  readonly isTTY?: boolean;
  setRawMode?(on: boolean): unknown;
  on(event: 'data', listener: (data: Buffer | string) => void): unknown;
  off(event: 'data', listener: (data: Buffer | string) => void): unknown;
  resume(): unknown;
  pause(): unknown;
}

export interface LiveOutput {
  write(text: string): unknown;
  readonly columns?: number;
  readonly rows?: number;
}

const keys: readonly (readonly [text: string, key: Key])[] = [
  ['\u0003', 'quit'],
  ['q', 'quit'],
  ['\u001b[A', 'up'],
  ['\u001bOA', 'up'],
  ['k', 'up'],
  ['\u001b[B', 'down'],
  ['\u001bOB', 'down'],
  ['j', 'down'],
  ['\u001b[5~', 'page up'],
  ['\u001b[6~', 'page down'],
  ['\r', 'enter'],
  ['\u001b', 'back'],
  ['s', 'sort'],
];

const styles: Readonly<Record<LineStyle, string>> = {
  plain: '',
  head: '\u001b[1m',
  selected: '\u001b[7m',
  bad: '\u001b[31m',
  faint: '\u001b[2m',
};

const enter = '\u001b[?1049h\u001b[?25l\u001b[?7l';
const leave = '\u001b[?7h\u001b[?25h\u001b[?1049l';

/**
 * A terminal that shows one screen of lines, written over the last one, in the alternate buffer and without a cursor.
 * Disposing it gives the terminal back as it was.
 */
export class LiveTerminal implements Disposable {
  readonly #input: KeySource;
  readonly #output: LiveOutput;
  readonly #colors: boolean;
  readonly #onData: (data: Buffer | string) => void;

  constructor(
    input: KeySource,
    output: LiveOutput,
    options: { readonly colors: boolean; readonly onKey: (key: Key) => void },
  ) {
    this.#input = input;
    this.#output = output;
    this.#colors = options.colors;
    this.#onData = (data) => {
      for (const key of keysIn(data.toString())) options.onKey(key);
    };
    if (input.isTTY === true) {
      input.setRawMode?.(true);
      input.on('data', this.#onData);
      input.resume();
    }
    output.write(enter);
  }

  get columns(): number {
    return this.#output.columns ?? 80;
  }

  get rows(): number {
    return this.#output.rows ?? 24;
  }

  /** What does not fit is not shown. */
  show(lines: readonly ScreenLine[]): void {
    const { columns, rows } = this;
    const shown = lines.slice(0, rows).map(({ text, style }) => {
      const cut = text.slice(0, columns);
      const start = this.#colors || style === 'selected' ? styles[style] : '';
      return start === ''
        ? `${cut}\u001b[K`
        : `${start}${style === 'selected' ? cut.padEnd(columns) : cut}\u001b[0m\u001b[K`;
    });
    this.#output.write(`\u001b[H${shown.join('\r\n')}\u001b[J`);
  }

  [Symbol.dispose](): void {
    if (this.#input.isTTY === true) {
      this.#input.off('data', this.#onData);
      this.#input.setRawMode?.(false);
      this.#input.pause();
    }
    this.#output.write(leave);
  }
}

/** Several keys may come at once. What is no key here means nothing. */
function keysIn(text: string): readonly Key[] {
  const found: Key[] = [];
  let rest = text;
  while (rest !== '') {
    const known = keys.find(([start]) => rest.startsWith(start));
    if (known !== undefined) found.push(known[1]);
    rest = rest.slice(known?.[0].length ?? 1);
  }
  return found;
}
