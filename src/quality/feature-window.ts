import { binOf } from './build-profile.ts';
import type { StoredFeatureWindow } from './stored-version.ts';
import type { CategoryProfile, FeatureProfile, NumberProfile } from './profile.ts';

/** What one window of traffic has of a feature, counted in the reference's bins. */
export interface FeatureCounts {
  readonly counts: readonly number[];
  readonly missing: number;
  /** Values that were counted, missing ones apart. */
  readonly values: number;
  /** Of numbers; NaN for categories. */
  readonly mean: number;
  /** Of each value and the one before it, 0..1: how far neighbours resemble each other. */
  readonly autocorrelation: number;
}

/** Counts values as they come. Nothing is allocated for a value. */
export class FeatureWindow {
  readonly profile: FeatureProfile;
  /** Of numbers, once more, as this is read for each value; empty for categories. */
  readonly #edges: Float64Array;
  readonly #counts: Float64Array;
  readonly #places: ReadonlyMap<string, number>;
  #missing = 0;
  #values = 0;
  #sum = 0;
  /** Sums of standardized values, of their squares, and of their products with the ones before. */
  #off = 0;
  #squares = 0;
  #products = 0;
  #last = Number.NaN;

  constructor(profile: FeatureProfile) {
    this.profile = profile;
    this.#edges = Float64Array.from(profile.kind === 'number' ? profile.edges : []);
    this.#counts = new Float64Array(profile.counts.length);
    this.#places = new Map(profile.kind === 'category' ? profile.values.map((value, i) => [value, i]) : []);
  }

  /** NaN and infinities count as missing. */
  addNumber(value: number): void {
    if (!Number.isFinite(value)) this.#missing++;
    else if (this.profile.kind === 'number') {
      this.#count(binOf(this.#edges, value), standardized(this.profile, value), value);
    } else this.addCategory(String(value));
  }

  addCategory(value: string): void {
    if (this.profile.kind !== 'category') {
      this.#missing++;
      return;
    }
    const place = this.#places.get(value) ?? this.profile.values.length;
    // Neighbours resemble each other as far as both are, or are not, the most frequent one.
    this.#count(place, place === 0 ? 1 - frequency(this.profile) : -frequency(this.profile), Number.NaN);
  }

  addMissing(): void {
    this.#missing++;
  }

  read(): FeatureCounts {
    const own = this.#off / this.#values;
    const variance = this.#squares / this.#values - own * own;
    const covariance = this.#products / (this.#values - 1) - own * own;
    // A feature that is stuck has none: every value of it is as telling as the first.
    const correlation = variance > 1e-9 ? covariance / variance : 0;
    return {
      counts: [...this.#counts],
      missing: this.#missing,
      values: this.#values,
      mean: this.#sum / this.#values,
      autocorrelation: Math.min(Math.max(correlation, 0), 0.999),
    };
  }

  save(): StoredFeatureWindow {
    return {
      counts: [...this.#counts],
      missing: this.#missing,
      values: this.#values,
      sums: [this.#sum, this.#off, this.#squares, this.#products, this.#last],
    };
  }

  /** Of a window of the same profile. */
  restore({ counts, missing, values, sums }: StoredFeatureWindow): void {
    this.#counts.set(counts.slice(0, this.#counts.length));
    this.#missing = missing;
    this.#values = values;
    [this.#sum, this.#off, this.#squares, this.#products, this.#last] = sums;
  }

  clear(): void {
    this.#counts.fill(0);
    this.#missing = 0;
    this.#values = 0;
    this.#sum = 0;
    this.#off = 0;
    this.#squares = 0;
    this.#products = 0;
    this.#last = Number.NaN;
  }

  /** @param off from the reference's mean, in its standard deviations. */
  #count(bin: number, off: number, value: number): void {
    this.#counts[bin] = (this.#counts[bin] ?? 0) + 1;
    this.#values++;
    this.#sum += value;
    this.#off += off;
    this.#squares += off * off;
    if (!Number.isNaN(this.#last)) this.#products += off * this.#last;
    this.#last = off;
  }
}

/** Outliers are cut off: one of them would hide how all others resemble each other. */
function standardized({ mean, deviation }: NumberProfile, value: number): number {
  return deviation === 0 ? 0 : Math.min(Math.max((value - mean) / deviation, -4), 4);
}

function frequency({ counts }: CategoryProfile): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  return total === 0 ? 0 : (counts[0] ?? 0) / total;
}
