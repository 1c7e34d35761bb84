import { ServingError } from '../errors.ts';
import type { Logger } from '../inference/logger.ts';
import type { Clock } from '../util/clock.ts';
import { orAborted } from './or-aborted.ts';
import type { ModelOrigin, OriginListing, VersionChange } from './origin.ts';
import { errorWord, sourceUnreachable } from './refusals.ts';
import type { SourceFolder } from './source-folder.ts';
import { linksOf } from './source-folder.ts';
import type { SourceUri } from './source-uri.ts';
import { unitsOf, type Unit } from './units.ts';

export interface SourceSyncOptions {
  readonly uri: SourceUri;
  readonly origin: ModelOrigin;
  readonly folder: SourceFolder;
  readonly limitBytes: number;
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Real paths of folders that are still read. */
  readonly inUse: () => ReadonlySet<string>;
  /** Whether a new version may take the place of another now; asked when it is fetched and before it is shown. */
  readonly approve: (change: VersionChange) => Promise<boolean>;
  /** 0 to 1. */
  readonly random?: () => number;
}

/** How a source is doing, for metrics. */
export interface SourceReport {
  readonly source: string;
  /** The last look at it went well. */
  readonly up: boolean;
  readonly failures: number;
  readonly fetchedBytes: number;
  /** Of the last look that went well; undefined before. */
  readonly seenAtEpochMs: number | undefined;
}

/** Of the interval, that looks are spread by: servers that were started together do not ask together for long. */
const jitter = 0.2;

/** Ten thousand files in pages of a thousand take seconds. */
const listLimitMs = 120_000;

/** After failures in a row the next look waits up to so many intervals. */
const mostIntervals = 8;

/** Brings one source into its folder, again and again. What is shown stays as it is whenever that fails. */
export class SourceSync implements Disposable {
  readonly #options: SourceSyncOptions;
  readonly #stop = new AbortController();
  #shown: string | undefined = undefined;
  /** Shown last. */
  #before: readonly Unit[] = [];
  #dueAt = 0;
  #inARow = 0;
  #failures = 0;
  #fetchedBytes = 0;
  #seenAtEpochMs: number | undefined = undefined;
  #said = '';
  /** Looks wait for the one that is under way. */
  #looking: Promise<unknown> = Promise.resolve();

  constructor(options: SourceSyncOptions) {
    this.#options = options;
  }

  /** Something was shown once, if not by this process. */
  get hasModels(): boolean {
    return this.#options.folder.memo() !== undefined;
  }

  /**
   * @param when due: when the interval is over. healthy: now, unless it has just failed. now: in any case.
   * @throws ServingError what went wrong; it is in the log already.
   */
  look(when: 'now' | 'healthy' | 'due'): Promise<void> {
    const look = this.#looking.then(async () => {
      const isEarly = this.#options.clock.now() < this.#dueAt;
      const waits = when === 'due' || (when === 'healthy' && this.#inARow > 0);
      if (this.#stop.signal.aborted || (isEarly && waits)) return;
      try {
        await this.#fetch();
        this.#succeeded();
      } catch (error) {
        const failure =
          error instanceof ServingError ? error : sourceUnreachable(`it failed (${errorWord(error)})`);
        this.#failed(failure);
        throw failure;
      } finally {
        this.#plan();
      }
    });
    this.#looking = look.catch(() => undefined);
    return look;
  }

  report(): SourceReport {
    return {
      source: this.#options.uri.shown,
      up: this.#seenAtEpochMs !== undefined && this.#inARow === 0,
      failures: this.#failures,
      fetchedBytes: this.#fetchedBytes,
      seenAtEpochMs: this.#seenAtEpochMs,
    };
  }

  /** Gives up what is being fetched. */
  [Symbol.dispose](): void {
    this.#stop.abort(new ServingError('cancelled', 'the server is stopping'));
    this.#options.origin[Symbol.dispose]();
  }

  async #fetch(): Promise<void> {
    const { folder, uri, clock, limitBytes, approve, inUse } = this.#options;
    const { signal } = this.#stop;
    const { files, memo = '', change } = await this.#list(folder.memo() ?? '');
    const units = unitsOf(files, uri.name);
    const state = JSON.stringify([memo, [...linksOf(units)]]);
    if (state === this.#shown) return;
    const before = this.#fetchedBytes;
    const log = this.#progress(units);
    await folder.fetch(units, {
      clock,
      signal,
      limitBytes,
      onBytes: (count) => {
        this.#fetchedBytes += count;
        log(this.#fetchedBytes - before);
      },
    });
    if (change !== undefined && !(await approve(change))) return;
    const isNew = this.#shown !== undefined || this.#fetchedBytes > before;
    await folder.show(units, memo);
    this.#shown = state;
    // Somebody may have listed what was shown before, and be about to load it.
    await folder.removeOld([...units, ...this.#before], inUse());
    this.#before = units;
    const bytes = this.#fetchedBytes - before;
    const models = units.filter(({ place }) => !place.includes('/')).length;
    if (isNew) this.#options.logger.info({ source: uri.shown, bytes, models }, 'models fetched');
  }

  /** A source that accepts connections and then says nothing is not waited for. */
  async #list(memo: string): Promise<OriginListing> {
    const { origin, clock } = this.#options;
    const late = new AbortController();
    const problem = `it was not listed in ${listLimitMs / 1000} s`;
    using _timer = clock.after(listLimitMs, () => late.abort(sourceUnreachable(problem)));
    const signal = AbortSignal.any([this.#stop.signal, late.signal]);
    return await orAborted(origin.list(signal, memo), signal);
  }

  /** Says at the first byte, and every ten seconds, how far it has come. */
  #progress(units: readonly Unit[]): (bytes: number) => void {
    const { clock, logger, uri } = this.#options;
    let saidAt: number | undefined;
    let totalBytes = 0;
    for (const { file } of units.flatMap((unit) => unit.files)) totalBytes += file.sizeBytes ?? 0;
    return (bytes) => {
      const now = clock.now();
      if (saidAt !== undefined && now - saidAt < 10_000) return;
      saidAt = now;
      logger.info({ source: uri.shown, bytes, totalBytes }, 'fetching models');
    };
  }

  #succeeded(): void {
    const { clock, logger, uri } = this.#options;
    if (this.#said !== '') logger.info({ source: uri.shown }, 'the model source can be read again');
    this.#said = '';
    this.#inARow = 0;
    this.#seenAtEpochMs = clock.epochMs();
  }

  /** Says the same only once. */
  #failed({ message: problem }: ServingError): void {
    if (this.#stop.signal.aborted) return;
    const { logger, uri } = this.#options;
    this.#failures++;
    this.#inARow++;
    if (problem !== this.#said) {
      logger.warn({ source: uri.shown, problem }, 'the model source cannot be read; what serves stays');
    }
    this.#said = problem;
  }

  #plan(): void {
    const { clock, intervalMs, random = Math.random } = this.#options;
    const spread = 1 - jitter + 2 * jitter * random();
    const intervals = Math.min(2 ** this.#inARow, mostIntervals);
    this.#dueAt = clock.now() + intervalMs * intervals * spread;
  }
}
