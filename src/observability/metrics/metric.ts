import type { Histogram } from '../../inference/statistics.ts';
import type { ServerReading } from './server-reading.ts';

export type Labels = Readonly<Record<string, string>>;

export interface NumberPoint {
  readonly labels: Labels;
  readonly value: number;
}

export interface HistogramPoint {
  readonly labels: Labels;
  readonly histogram: Histogram;
  /** By bucket; only OpenMetrics has a place for them. */
  readonly exemplars?: ReadonlyMap<number, PointExemplar>;
}

/** One of the values that a bucket counts. */
export interface PointExemplar {
  readonly labels: Labels;
  readonly value: number;
  readonly epochSeconds: number;
}

interface Described {
  readonly name: string;
  readonly help: string;
  /** Names of its labels; a histogram's `le` apart. */
  readonly labels: readonly string[];
}

export interface NumberMetric extends Described {
  readonly kind: 'counter' | 'gauge';
  read(reading: ServerReading): readonly NumberPoint[];
}

export interface HistogramMetric extends Described {
  readonly kind: 'histogram';
  read(reading: ServerReading): readonly HistogramPoint[];
}

/** What is told, and how it is found in a reading. All points of one reading differ in their labels. */
export type Metric = NumberMetric | HistogramMetric;

/** The metric at one moment. */
export type MetricFamily =
  | { readonly form: 'number'; readonly metric: NumberMetric; readonly points: readonly NumberPoint[] }
  | {
      readonly form: 'histogram';
      readonly metric: HistogramMetric;
      readonly points: readonly HistogramPoint[];
    };

export function readFamily(metric: Metric, reading: ServerReading): MetricFamily {
  return metric.kind === 'histogram'
    ? { form: 'histogram', metric, points: metric.read(reading) }
    : { form: 'number', metric, points: metric.read(reading) };
}

/** There are few kinds of bounds, and many histograms with the same ones. */
const boundsInSeconds = new WeakMap<readonly number[], readonly number[]>();

/** A histogram of milliseconds as one of seconds. */
export function inSeconds({ bounds, counts, sum }: Histogram): Histogram {
  let seconds = boundsInSeconds.get(bounds);
  if (seconds === undefined) {
    seconds = bounds.map((ms) => ms / 1000);
    boundsInSeconds.set(bounds, seconds);
  }
  return { bounds: seconds, counts, sum: sum / 1000 };
}
