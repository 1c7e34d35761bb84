import { categoriesOf, categoryOf, profileNumbers } from './build-profile.ts';
import { DriftWatch, type DriftWatchOptions, type DriftWindow } from './drift-watch.ts';
import type { FeatureWindow } from './feature-window.ts';
import type { FeatureProfile } from './profile.ts';
import type { StoredSide } from './stored-version.ts';

/** Numbers that a reference is made of at most, over all columns: 32 MB while it is being made. */
const mostNumbers = 4_000_000;

/** Different texts of a column that are told apart while a reference is made. */
const mostTexts = 10_000;

export interface ColumnWatchOptions extends Pick<DriftWatchOptions, 'windowMs' | 'windowRows' | 'onWindow'> {
  readonly names: readonly string[];
  /** Columns without a profile are not watched; undefined makes profiles of the first rows. */
  readonly reference: readonly FeatureProfile[] | undefined;
  readonly firstRows: number;
  readonly nowMs: number;
}

/** Values of one column until they are a profile. */
class Sample {
  readonly #numbers: Float64Array;
  readonly #texts = new Map<string, number>();
  #rows = 0;
  #missingTexts = 0;

  constructor(rows: number) {
    this.#numbers = new Float64Array(rows);
  }

  addNumber(value: number): void {
    this.#numbers[this.#rows++] = value;
  }

  addCategory(value: string): void {
    const seen = this.#texts.get(value);
    if (seen !== undefined || this.#texts.size < mostTexts) this.#texts.set(value, (seen ?? 0) + 1);
    else this.#missingTexts++;
  }

  profile(name: string): FeatureProfile {
    return this.#texts.size > 0
      ? categoriesOf(name, this.#texts, this.#missingTexts)
      : profileNumbers(name, this.#numbers.subarray(0, this.#rows));
  }
}

/** Watches columns of values by name: against a reference, which is made of the first rows where there is none. */
export class ColumnWatch {
  readonly #options: ColumnWatchOptions;
  readonly #firstRows: number;
  #samples: readonly Sample[] = [];
  #sampled = 0;
  #watch: DriftWatch | undefined = undefined;
  /** By column; undefined where it is not watched. */
  #targets: readonly (Sample | FeatureWindow | undefined)[];

  constructor(options: ColumnWatchOptions) {
    this.#options = options;
    const columns = Math.max(options.names.length, 1);
    this.#firstRows = Math.min(options.firstRows, Math.max(1000, Math.floor(mostNumbers / columns)));
    this.#targets = [];
    if (options.reference !== undefined) this.#start(options.reference, options.nowMs);
    else {
      this.#samples = options.names.map(() => new Sample(this.#firstRows));
      this.#targets = this.#samples;
    }
  }

  /** undefined until there is a reference. */
  get watch(): DriftWatch | undefined {
    return this.#watch;
  }

  get last(): DriftWindow | undefined {
    return this.#watch?.last;
  }

  /** Rows that the reference has, and needs, while it is made. */
  get reference(): { readonly rows: number; readonly needed: number } {
    return { rows: this.#sampled, needed: this.#firstRows };
  }

  /** undefined while there is no reference. */
  save(): StoredSide | undefined {
    return this.#watch?.save();
  }

  restore(stored: StoredSide): void {
    this.#samples = [];
    this.#start(stored.reference, stored.from);
    this.#watch?.restore(stored);
  }

  number(column: number, value: number): void {
    this.#targets[column]?.addNumber(value);
  }

  text(column: number, value: string): void {
    this.#targets[column]?.addCategory(categoryOf(value));
  }

  endRow(nowMs: number): void {
    if (this.#watch !== undefined) {
      this.#watch.endRow(nowMs);
      return;
    }
    this.#sampled++;
    if (this.#sampled < this.#firstRows) return;
    const { names } = this.#options;
    const reference = this.#samples.map((sample, column) => sample.profile(names[column] ?? ''));
    this.#samples = [];
    this.#start(reference, nowMs);
  }

  #start(profiles: readonly FeatureProfile[], nowMs: number): void {
    const { names, windowMs, windowRows, onWindow } = this.#options;
    const reference = profiles.filter(({ name }) => names.includes(name));
    const watch = new DriftWatch({ reference, windowMs, windowRows, nowMs, onWindow });
    this.#watch = watch;
    this.#targets = names.map((name) => watch.features.find(({ profile }) => profile.name === name));
  }
}
