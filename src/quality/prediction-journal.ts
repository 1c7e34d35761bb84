import { createReadStream } from 'node:fs';
import { appendFile, rename, rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { Clock } from '../util/clock.ts';
import type { KeptPrediction } from './kept-predictions.ts';
import type { PredictionKeeper, StoredPrediction } from './quality-store.ts';
import { lineOf, readLine } from './stored-prediction.ts';

/** What a crash may lose. */
const writeMs = 1000;

/** Characters that wait to be written; more are not kept. */
const mostWaiting = 16 << 20;

/** Bytes of a file that are read: those of a million predictions. */
const mostRead = 256 << 20;

/** Longer lines are none of ours. */
const longestLine = 1 << 20;

export interface PredictionJournalOptions {
  /** Of the newer of two files; the older one's ends in `.old`. */
  readonly path: string;
  /** The first line of a file says whose it is: what another model has left is not read. */
  readonly header: string;
  /** Predictions in one file: both together have at least so many of the newest. */
  readonly mostPredictions: number;
  readonly clock: Clock;
  /** Nothing is read or written before: another journal may still write. */
  readonly after: Promise<void> | undefined;
  /** Before the first line is written. */
  readonly prepare: () => Promise<void>;
  /** Told what went wrong. */
  readonly onProblem: (problem: string, error?: unknown) => void;
}

/** Predictions that wait for labels in two files that are only appended to. When one is full, it replaces the older one. */
export class PredictionJournal implements PredictionKeeper {
  readonly #options: PredictionJournalOptions;
  #waiting: string[] = [];
  #waitingChars = 0;
  /** In the newer file. */
  #predictions = 0;
  #hasHeader = false;
  /** What was read may end within a line. */
  #ended = true;
  #timer: Disposable | undefined = undefined;
  #writing: Promise<void>;
  #closed = false;

  constructor(options: PredictionJournalOptions) {
    this.#options = options;
    this.#writing = options.after ?? Promise.resolve();
  }

  keep(prediction: KeptPrediction): void {
    this.#write(lineOf(prediction));
    this.#predictions++;
    if (this.#predictions < this.#options.mostPredictions) return;
    this.#predictions = 0;
    this.#flush(true);
  }

  label({ key }: KeptPrediction): void {
    this.#write(JSON.stringify([key]));
  }

  /** It goes with its file. */
  forget(): void {
    return undefined;
  }

  /** Before anything is kept. Files that are not ours are removed. */
  async *restore(): AsyncGenerator<StoredPrediction, void, void> {
    const { path, after } = this.#options;
    await after;
    yield* this.#read(`${path}.old`);
    for await (const stored of this.#read(path)) {
      this.#hasHeader = true;
      this.#ended = false;
      if (stored.kind === 'kept') this.#predictions++;
      yield stored;
    }
  }

  /** Writes what waits; nothing is kept any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#flush(false);
    await this.#writing;
  }

  #write(line: string): void {
    if (this.#closed) return;
    if (this.#waitingChars + line.length > mostWaiting) {
      this.#options.onProblem('predictions come faster than they can be written; some are not kept');
      return;
    }
    this.#waiting.push(line);
    this.#waitingChars += line.length;
    this.#timer ??= this.#options.clock.after(writeMs, () => this.#flush(false));
  }

  /** @param full the file makes way for a new one afterwards. */
  #flush(full: boolean): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    const lines = this.#waiting;
    this.#waiting = [];
    if (lines.length === 0) return;
    if (!this.#hasHeader) lines.unshift(this.#options.header);
    if (!this.#ended) lines.unshift('');
    this.#ended = true;
    this.#hasHeader = !full;
    this.#writing = this.#writing.then(() => this.#append(lines, full));
  }

  async #append(lines: readonly string[], full: boolean): Promise<void> {
    const { path, prepare, onProblem } = this.#options;
    const text = `${lines.join('\n')}\n`;
    try {
      await prepare();
      await appendFile(path, text, { mode: 0o600 });
      if (full) await rename(path, `${path}.old`);
    } catch (error) {
      onProblem('predictions that wait for labels cannot be written', error);
    }
    this.#waitingChars = this.#waiting.reduce((sum, line) => sum + line.length, 0);
  }

  async *#read(path: string): AsyncGenerator<StoredPrediction, void, void> {
    const { header, onProblem } = this.#options;
    let bad = 0;
    let isOurs: boolean | undefined = undefined;
    try {
      const input = createReadStream(path, { encoding: 'utf8', end: mostRead });
      for await (const line of createInterface({ input, crlfDelay: Infinity })) {
        isOurs ??= line === header;
        if (!isOurs) break;
        if (line === header || line === '') continue;
        const stored = line.length > longestLine ? undefined : readLine(line);
        if (stored === undefined) bad++;
        else yield stored;
      }
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
      onProblem('predictions that waited for labels cannot be read', error);
      return;
    }
    if (bad > 0) onProblem(`${bad} lines of predictions that waited for labels cannot be read`);
    if (isOurs !== false) return;
    onProblem('predictions that waited for labels are of another model, or another version of this program');
    await rm(path, { force: true });
  }
}
