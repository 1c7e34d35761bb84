import type { Clock } from '../../util/clock.ts';
import { RuntimeMonitor } from '../runtime-monitor.ts';
import { writeFamilies, type TextFormat } from './exposition.ts';
import type { MachineMonitor } from './machine-monitor.ts';
import { readFamily, type Metric, type MetricFamily } from './metric.ts';
import { OpenTelemetryText } from './opentelemetry-text.ts';
import { ownMetrics } from './own-metrics.ts';
import {
  readServer,
  type MetricsSources,
  type ProcessReading,
  type ServerReading,
} from './server-reading.ts';
import { tritonMetrics, type TritonLatencies } from './triton-metrics.ts';

/** Written at once: some hundred microseconds. Then whatever else the event loop has to do comes first. */
const turnChars = 8192;

/** So that one slice is not much more than a turn's work, also of histograms of 20 lines. */
const pointsPerSlice = 4;

export interface ScraperOptions {
  readonly sources: MetricsSources;
  readonly latencies: TritonLatencies;
  readonly machine: MachineMonitor | undefined;
  readonly clock: Clock;
  /** Resolves when the event loop has turned. */
  readonly nextTurn?: () => Promise<void>;
}

/** Reads all counters and writes them out, in turns that are short enough for requests not to wait for them. */
export class Scraper implements Disposable {
  readonly #options: ScraperOptions;
  readonly #nextTurn: () => Promise<void>;
  readonly #runtime: RuntimeMonitor;
  readonly #ownText = new OpenTelemetryText();
  readonly #tritonMetrics: readonly Metric[];
  readonly #startedAtSeconds: number;
  readonly #running = new Map<TextFormat, Promise<readonly Buffer[]>>();

  constructor(options: ScraperOptions) {
    this.#options = options;
    this.#nextTurn = options.nextTurn ?? (() => new Promise((resolve) => void setImmediate(resolve)));
    this.#runtime = new RuntimeMonitor(options.clock);
    this.#tritonMetrics = tritonMetrics(options.latencies);
    this.#startedAtSeconds = options.clock.epochMs() / 1000 - process.uptime();
  }

  /** The text in parts. Who asks while another does gets the same. */
  scrape(format: TextFormat): Promise<readonly Buffer[]> {
    let running = this.#running.get(format);
    if (running === undefined) {
      running = this.#scrape(format).finally(() => this.#running.delete(format));
      this.#running.set(format, running);
    }
    return running;
  }

  [Symbol.dispose](): void {
    this.#runtime[Symbol.dispose]();
  }

  async #scrape(format: TextFormat): Promise<readonly Buffer[]> {
    const reading = await readServer(this.#options.sources, {
      runtime: this.#runtime.read(),
      process: this.#process(),
      machine: await this.#options.machine?.read(),
      nextTurn: this.#nextTurn,
    });
    const parts: Buffer[] = [];
    let text = '';
    for (const slice of this.#slices(reading, format)) {
      text += slice;
      if (text.length < turnChars) continue;
      parts.push(Buffer.from(text));
      text = '';
      await this.#nextTurn();
    }
    parts.push(Buffer.from(text));
    return parts;
  }

  *#slices(reading: ServerReading, format: TextFormat): Generator<string, void, void> {
    if (format === 'openmetrics') {
      const all = [...this.#tritonMetrics, ...ownMetrics];
      yield* writeFamilies(familiesOf(all, reading), format, pointsPerSlice);
    } else {
      yield* writeFamilies(familiesOf(this.#tritonMetrics, reading), format, pointsPerSlice);
      yield* this.#ownText.write(familiesOf(ownMetrics, reading), pointsPerSlice);
    }
  }

  #process(): ProcessReading {
    const { user, system } = process.cpuUsage();
    return {
      cpuSeconds: (user + system) / 1e6,
      residentBytes: process.memoryUsage.rss(),
      startedAtSeconds: this.#startedAtSeconds,
    };
  }
}

/** Each is read only when its turn comes; the reading that it is made from is the same. */
function* familiesOf(
  metrics: readonly Metric[],
  reading: ServerReading,
): Generator<MetricFamily, void, void> {
  for (const metric of metrics) yield readFamily(metric, reading);
}
