import { readMetrics, type MetricSample } from './metrics-text.ts';

/** How many of the counted values are at most so large; the last bound is Infinity. */
export interface CumulativeHistogram {
  readonly counts: ReadonlyMap<number, number>;
  readonly sum: number;
}

/** The samples of one model version, or of the server as a whole. */
export class SampleGroup {
  readonly labels: Readonly<Record<string, string>>;
  readonly #samples = new Map<string, MetricSample[]>();

  constructor(labels: Readonly<Record<string, string>>) {
    this.labels = labels;
  }

  add(name: string, sample: MetricSample): void {
    const samples = this.#samples.get(name);
    if (samples === undefined) this.#samples.set(name, [sample]);
    else samples.push(sample);
  }

  has(name: string): boolean {
    return this.#samples.has(name);
  }

  samples(name: string): readonly MetricSample[] {
    return this.#samples.get(name) ?? [];
  }

  /** Over all other labels, such as fronts and threads; 0 where there is none. */
  sum(name: string): number {
    let sum = 0;
    for (const { value } of this.#samples.get(name) ?? []) sum += value;
    return sum;
  }

  /** The sums for each value of one label. */
  by(name: string, label: string): ReadonlyMap<string, number> {
    const sums = new Map<string, number>();
    for (const { labels, value } of this.#samples.get(name) ?? []) {
      const key = labels[label] ?? '';
      sums.set(key, value + (sums.get(key) ?? 0));
    }
    return sums;
  }

  /** A label of the first sample; '' where there is none. */
  label(name: string, label: string): string {
    return this.#samples.get(name)?.[0]?.labels[label] ?? '';
  }

  histogram(name: string): CumulativeHistogram {
    const counts = new Map<number, number>();
    for (const [bound, count] of this.by(`${name}_bucket`, 'le')) {
      counts.set(bound === '+Inf' ? Infinity : Number(bound), count);
    }
    return { counts, sum: this.sum(`${name}_sum`) };
  }
}

/** One page of metrics, sorted by what it is about. */
export interface MetricsReading {
  /** Epoch milliseconds. */
  readonly takenAtMs: number;
  readonly server: SampleGroup;
  /** By `versionKey`. */
  readonly versions: ReadonlyMap<string, SampleGroup>;
}

/** No version holds a slash. */
export function versionKey(model: string, version: string): string {
  return `${version}/${model}`;
}

export function parseReading(text: string, takenAtMs: number): MetricsReading {
  const server = new SampleGroup({});
  const versions = new Map<string, SampleGroup>();
  readMetrics(text, (name, sample) => {
    const { model, version } = sample.labels;
    if (model === undefined || version === undefined) {
      server.add(name, sample);
      return;
    }
    const key = versionKey(model, version);
    let group = versions.get(key);
    if (group === undefined) {
      group = new SampleGroup({ model, version });
      versions.set(key, group);
    }
    group.add(name, sample);
  });
  return { takenAtMs, server, versions };
}
