import {
  ExporterBreaker,
  type ExporterName,
  type ExporterReading,
} from '../../inference/exporter-breaker.ts';
import type { Logger } from '../../inference/logger.ts';
import type { Clock } from '../../util/clock.ts';
import type { PredictionSink, SinkName, WrittenRecord } from './sink.ts';

/** How long a record waits for others. */
export const flushMs = 1000;

/** Written sooner when there are so many characters. */
const flushChars = 256 * 1024;

/** Some seconds of a busy server; more is only kept from a sink that does not keep up. */
const maxChars = 8 * 1024 * 1024;

const pruneMs = 600_000;

/** Those that send; a file is tried again each second. */
const exporters: Partial<Readonly<Record<SinkName, ExporterName>>> = {
  redis: 'prediction_log_redis',
  otlp: 'prediction_log_otlp',
};

export interface SinkQueueOptions {
  readonly sink: PredictionSink;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface SinkCounts {
  readonly sink: SinkName;
  readonly written: number;
  /** For want of room, or at the end. */
  readonly dropped: number;
  readonly failures: number;
  readonly buffered: number;
}

/** What waits for one sink, within a bound; a sink that fails is tried again with the same records. */
export class SinkQueue {
  readonly #sink: PredictionSink;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #breaker: ExporterBreaker | undefined;
  #waiting: WrittenRecord[] = [];
  #waitingChars = 0;
  #timer: Disposable | undefined = undefined;
  #pruneTimer: Disposable | undefined = undefined;
  #writing: Promise<void> | undefined = undefined;
  #failing = false;
  #full = false;
  #closed = false;
  #written = 0;
  #dropped = 0;
  #failures = 0;

  constructor({ sink, clock, logger }: SinkQueueOptions) {
    this.#sink = sink;
    this.#clock = clock;
    this.#logger = logger;
    const exporter = exporters[sink.name];
    this.#breaker = exporter === undefined ? undefined : new ExporterBreaker({ exporter, clock, logger });
    this.#prune();
  }

  add(record: WrittenRecord): void {
    const size = record.line.length;
    if (this.#closed || this.#waitingChars + size > maxChars) {
      // Only what waits is written, and says that there is room again.
      this.#full = this.#waiting.length > 0;
      this.#dropped += 1;
      return;
    }
    this.#waiting.push(record);
    this.#waitingChars += size;
    if (this.#waitingChars >= flushChars && !this.#failing) this.#flush();
    else this.#timer ??= this.#clock.after(flushMs, () => this.#flush());
  }

  /** There was no room for the last record, and nothing could be written since: further ones need not be made. */
  get full(): boolean {
    return this.#full;
  }

  /** undefined for what writes to a file. */
  exporter(): ExporterReading | undefined {
    return this.#breaker?.read();
  }

  counts(): SinkCounts {
    return {
      sink: this.#sink.name,
      written: this.#written,
      dropped: this.#dropped,
      failures: this.#failures,
      buffered: this.#waiting.length,
    };
  }

  /** Writes what waits, once; what cannot be written by then is dropped. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#pruneTimer?.[Symbol.dispose]();
    await this.#writing;
    this.#flush();
    await this.#writing;
    this.#timer?.[Symbol.dispose]();
    this.#breaker?.[Symbol.dispose]();
    const { length: records } = this.#waiting;
    if (records > 0) this.#logger.warn({ sink: this.#sink.name, records }, 'predictions were not logged');
    this.#dropped += records;
    this.#waiting = [];
    this.#waitingChars = 0;
    await this.#sink.close();
  }

  #flush(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    if (this.#writing !== undefined || this.#waiting.length === 0) return;
    if (this.#breaker?.refusing === true && !this.#closed) {
      this.#timer = this.#clock.after(this.#breaker.retryAfterMs(), () => this.#flush());
      return;
    }
    this.#writing = this.#write(this.#waiting).finally(() => {
      this.#writing = undefined;
      if (this.#waiting.length > 0 && !this.#closed) {
        this.#timer ??= this.#clock.after(this.#failing ? flushMs : 0, () => this.#flush());
      }
    });
  }

  async #write(records: readonly WrittenRecord[]): Promise<void> {
    const { length } = records;
    const chars = this.#waitingChars;
    const begun = this.#breaker?.begin() ?? 0;
    try {
      await this.#sink.write(records.slice());
    } catch (error) {
      this.#failures += 1;
      this.#breaker?.end(begun, 'failure');
      if (!this.#failing) this.#logger.warn({ sink: this.#sink.name, error }, 'predictions cannot be logged');
      this.#failing = true;
      return;
    }
    this.#breaker?.end(begun, 'success');
    this.#full = false;
    if (this.#failing) this.#logger.info({ sink: this.#sink.name }, 'predictions are logged again');
    this.#failing = false;
    this.#written += length;
    this.#waiting = this.#waiting.slice(length);
    this.#waitingChars -= chars;
  }

  #prune(): void {
    this.#pruneTimer = this.#clock.after(pruneMs, () => this.#prune());
    if (this.#breaker?.refusing === true) return;
    this.#sink.prune().catch((error: unknown) => {
      this.#logger.warn({ sink: this.#sink.name, error }, 'old predictions cannot be removed');
    });
  }
}
