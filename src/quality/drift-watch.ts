import { compareWindow, type FeatureComparison } from './compare-window.ts';
import { FeatureWindow } from './feature-window.ts';
import type { FeatureProfile } from './profile.ts';
import type { StoredSide } from './stored-version.ts';

/** How many windows in a row a change has to last. */
const persistence = 2;

/** A share of features that have drifted from which the data as a whole have. */
const datasetShare = 0.3;

/** A feature in the last complete window. */
export interface FeatureDrift extends FeatureComparison {
  /** Windows in a row that exceeded both limits. */
  readonly inARow: number;
  readonly drifted: boolean;
}

export interface DriftWindow {
  /** Of epoch. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly rows: number;
  readonly features: readonly FeatureDrift[];
  readonly driftedShare: number;
  /** Of the data as a whole: many of its features. */
  readonly drifted: boolean;
}

export interface DriftWatchOptions {
  readonly reference: readonly FeatureProfile[];
  readonly windowMs: number;
  readonly windowRows: number;
  readonly nowMs: number;
  /** Told of each complete window. */
  readonly onWindow: (window: DriftWindow) => void;
}

/**
 * Counts rows into windows and compares each complete one with the reference. A feature has drifted when it differs by enough
 * to matter, by more than chance explains, and in two windows in a row.
 */
export class DriftWatch {
  /** In the order of the reference. A row's values are added to them, then `endRow` is called. */
  readonly features: readonly FeatureWindow[];
  readonly #options: DriftWatchOptions;
  readonly #inARow: Uint32Array;
  #from: number;
  #rows = 0;
  #last: DriftWindow | undefined = undefined;

  constructor(options: DriftWatchOptions) {
    this.#options = options;
    this.features = options.reference.map((profile) => new FeatureWindow(profile));
    this.#inARow = new Uint32Array(options.reference.length);
    this.#from = options.nowMs;
  }

  /** Rows of the window that is not complete yet. */
  get rows(): number {
    return this.#rows;
  }

  get last(): DriftWindow | undefined {
    return this.#last;
  }

  save(): StoredSide {
    return {
      reference: this.features.map(({ profile }) => profile),
      from: this.#from,
      rows: this.#rows,
      inARow: [...this.#inARow],
      ...(this.#last === undefined ? {} : { last: { ...this.#last, features: [...this.#last.features] } }),
      windows: this.features.map((feature) => feature.save()),
    };
  }

  /** Of a watch with the same reference. */
  restore({ from, rows, inARow, last, windows }: StoredSide): void {
    this.#from = from;
    this.#rows = rows;
    this.#inARow.set(inARow.slice(0, this.#inARow.length));
    this.#last = last;
    for (const [index, feature] of this.features.entries()) {
      const stored = windows[index];
      if (stored !== undefined) feature.restore(stored);
    }
  }

  /** @param nowMs of epoch. */
  endRow(nowMs: number): void {
    this.#rows++;
    const { windowMs, windowRows, onWindow } = this.#options;
    if (this.#rows < windowRows || nowMs - this.#from < windowMs) return;
    const features = this.#close();
    const drifted = features.filter((feature) => feature.drifted).length;
    const driftedShare = features.length === 0 ? 0 : drifted / features.length;
    this.#last = {
      fromMs: this.#from,
      toMs: nowMs,
      rows: this.#rows,
      features,
      driftedShare,
      drifted: driftedShare > datasetShare,
    };
    this.#from = nowMs;
    this.#rows = 0;
    onWindow(this.#last);
  }

  #close(): readonly FeatureDrift[] {
    const compared = compareWindow(
      this.features.map((window) => ({ profile: window.profile, current: window.read() })),
    );
    return compared.map((comparison, index) => {
      this.features[index]?.clear();
      const inARow = comparison.exceeds ? (this.#inARow[index] ?? 0) + 1 : 0;
      this.#inARow[index] = inARow;
      return { ...comparison, inARow, drifted: inARow >= persistence };
    });
  }
}
