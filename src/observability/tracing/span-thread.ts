import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { ServingError } from '../../errors.ts';
import { ExporterBreaker, type ExporterReading } from '../../inference/exporter-breaker.ts';
import type { Exemplar } from '../../inference/exemplar.ts';
import type { Logger } from '../../inference/logger.ts';
import type { Clock } from '../../util/clock.ts';
import { EventWriter } from './event-writer.ts';
import { spanCommands, type SpanEvent, type SpanThreadMessage, type SpanThreadSetup } from './span-events.ts';

/** Runs from source as well as from the build: bundled names are not rewritten. */
const entry = new URL(`./span-worker${extname(import.meta.filename)}`, import.meta.url);

const flushMs = 200;

/** Messages that are not read yet: some megabytes. More are dropped. */
const maxUnread = 64;

/** How often at most an export is looked at: as often as the SDK exports when there is little. */
const leastProbeMs = 1000;

export interface SpanThreadOptions extends SpanThreadSetup {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onExemplar: (exemplar: Exemplar) => void;
}

/**
 * A thread of low priority that makes spans and exports them: an exporter takes a hundred microseconds for a call, which
 * requests would wait for.
 */
export class SpanThread implements AsyncDisposable {
  /** Names of the headers that carry contexts. */
  readonly headers: readonly string[];
  readonly #worker: Worker;
  readonly #options: SpanThreadOptions;
  readonly #events = new EventWriter();
  #timer: Disposable | undefined = undefined;
  #unread = 0;
  #lost = false;
  #dropping = false;
  #dropped = 0;
  readonly #breaker: ExporterBreaker;
  /** What the breaker said when the export that is looked at began; undefined while none is. */
  #probe: number | undefined = undefined;
  #probedAt = -Infinity;
  readonly #ended: Promise<void>;

  /** @throws (rejects with) ServingError failed_precondition when the SDK cannot be started. */
  static async start(options: SpanThreadOptions): Promise<SpanThread> {
    const { version } = options;
    const setup: SpanThreadSetup = { version };
    const worker = new Worker(entry, { workerData: setup, name: 'spans' });
    const ready = Promise.withResolvers<readonly string[]>();
    worker.once('message', (message: SpanThreadMessage) => {
      if (message.kind === 'ready') ready.resolve(message.headers);
    });
    const onError = (cause: unknown): void => {
      const message = cause instanceof Error ? cause.message : 'the thread ended';
      ready.reject(new ServingError('failed_precondition', message, { cause }));
    };
    worker.once('error', onError);
    worker.once('exit', onError);
    const headers = await ready.promise;
    worker.off('error', onError);
    worker.off('exit', onError);
    return new SpanThread(worker, headers, options);
  }

  private constructor(worker: Worker, headers: readonly string[], options: SpanThreadOptions) {
    this.headers = headers;
    this.#worker = worker;
    this.#options = options;
    this.#breaker = new ExporterBreaker({ exporter: 'traces', ...options });
    worker.on('message', (message: SpanThreadMessage) => {
      if (message.kind === 'flushed') this.#endProbe(message.taken);
      if (message.kind !== 'read') return;
      this.#unread -= 1;
      for (const exemplar of message.exemplars) options.onExemplar(exemplar);
    });
    this.#ended = new Promise((resolve) => {
      worker.on('error', (error) =>
        options.logger.error({ error }, 'tracing has failed; no more spans are sent'),
      );
      worker.on('exit', () => {
        this.#lost = true;
        resolve();
      });
    });
  }

  /** Spans are not taken now, and calls need not be recorded. */
  get refusing(): boolean {
    return this.#breaker.refusing;
  }

  exporters(): readonly ExporterReading[] {
    return [this.#breaker.read()];
  }

  take(event: SpanEvent): void {
    if (this.#lost) return;
    this.#events.write(event);
    if (this.#events.isFull) this.#flush();
    else this.#timer ??= this.#options.clock.after(flushMs, () => this.#flush());
  }

  /** Sends what is not sent yet. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#flush();
    this.#breaker[Symbol.dispose]();
    if (!this.#lost) this.#worker.postMessage(spanCommands.end, []);
    await this.#ended;
    if (this.#dropped > 0) this.#options.logger.warn({ events: this.#dropped }, 'spans were dropped');
  }

  #flush(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    const { events, ended } = this.#events;
    if (events === 0 || this.#lost) return;
    if (this.#unread >= maxUnread) {
      this.#drop(events);
      return;
    }
    this.#dropping = false;
    this.#unread += 1;
    this.#worker.postMessage(this.#events.take(), []);
    if (ended > 0) this.#beginProbe();
  }

  /** The SDK tells nobody what became of the batches that it exports by itself: now and then it is told to. */
  #beginProbe(): void {
    const now = this.#options.clock.now();
    if (this.#probe !== undefined || this.#breaker.refusing || now - this.#probedAt < leastProbeMs) return;
    this.#probedAt = now;
    this.#probe = this.#breaker.begin();
    this.#worker.postMessage(spanCommands.flush, []);
  }

  #endProbe(taken: boolean): void {
    if (this.#probe === undefined) return;
    const begun = this.#probe;
    this.#probe = undefined;
    this.#breaker.end(begun, taken ? 'success' : 'failure');
  }

  #drop(events: number): void {
    this.#events.clear();
    this.#dropped += events;
    if (!this.#dropping)
      this.#options.logger.warn({}, 'spans are dropped: this machine is too busy to make them');
    this.#dropping = true;
  }
}
