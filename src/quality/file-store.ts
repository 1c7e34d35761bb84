import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../inference/logger.ts';
import type { Clock } from '../util/clock.ts';
import { PredictionJournal } from './prediction-journal.ts';
import type {
  PredictionBounds,
  QualityStore,
  StoredName,
  StoredPredictions,
  StoredState,
} from './quality-store.ts';

/** Of one version: thousands of features, or a hundred thousand labels. Larger ones are neither written nor read. */
export const mostStoredBytes = 32 << 20;

/** Predictions of one file: twice as many are kept on disk, some hundred bytes each. */
const mostPredictions = 1_000_000;

export interface FileStoreOptions {
  /** Made when the first model is watched. */
  readonly folder: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The quality of models in files of one folder: for each version one that is replaced as a whole, and two of predictions. */
export class FileQualityStore implements QualityStore {
  readonly #options: FileStoreOptions;
  readonly #said = new Set<string>();
  readonly #journals = new Map<string, PredictionJournal>();

  constructor(options: FileStoreOptions) {
    this.#options = options;
  }

  async load(name: StoredName): Promise<StoredState | undefined> {
    const path = this.#path(name, 'json');
    try {
      const { size } = await stat(path);
      if (size <= mostStoredBytes) return { text: await readFile(path, 'utf8'), isOwn: true };
      this.#problem(name, 'what is kept of its quality is too large');
    } catch (error) {
      if (!isMissing(error)) this.#problem(name, 'what is kept of its quality cannot be read', error);
    }
    return undefined;
  }

  async save(name: StoredName, text: string): Promise<boolean> {
    const path = this.#path(name, 'json');
    if (text.length > mostStoredBytes) {
      this.#problem(name, 'its quality is too large to be kept');
      return true;
    }
    try {
      await mkdir(this.#options.folder, { recursive: true });
      const file = await open(`${path}.new`, 'w', 0o600);
      try {
        await file.writeFile(text);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(`${path}.new`, path);
      return true;
    } catch (error) {
      this.#problem(name, 'its quality cannot be kept', error);
      return false;
    }
  }

  unchanged(): Promise<boolean> {
    return Promise.resolve(true);
  }

  predictions(name: StoredName, { keepRequests }: PredictionBounds): StoredPredictions {
    const path = this.#path(name, 'predictions');
    // What another model of this name still keeps must not get into the files.
    const after = this.#journals.get(path)?.[Symbol.asyncDispose]();
    const journal = new PredictionJournal({
      path,
      header: JSON.stringify({ predictions: name }),
      mostPredictions: Math.min(keepRequests, mostPredictions),
      clock: this.#options.clock,
      after,
      prepare: async () => void (await mkdir(this.#options.folder, { recursive: true })),
      onProblem: (problem, error) => this.#problem(name, problem, error),
    });
    this.#journals.set(path, journal);
    return { keeper: journal, shared: undefined, restore: () => journal.restore() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(Array.from(this.#journals.values(), (journal) => journal[Symbol.asyncDispose]()));
  }

  /** Names of models may have characters that names of files may not. */
  #path({ model, version }: StoredName, ending: string): string {
    const hash = createHash('sha256').update(`${model}\0${version}`).digest('hex').slice(0, 12);
    const shown = model.replaceAll(/[^\w.-]/g, '_').slice(0, 64);
    return join(this.#options.folder, `${shown}-${version.slice(0, 20)}-${hash}.${ending}`);
  }

  /** Once: a disk that is full stays so for a while. */
  #problem({ model, version }: StoredName, problem: string, error?: unknown): void {
    const key = `${model}\0${version}\0${problem}`;
    if (this.#said.has(key)) return;
    if (this.#said.size < 1000) this.#said.add(key);
    this.#options.logger.warn({ model, version, ...(error === undefined ? {} : { cause: error }) }, problem);
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
