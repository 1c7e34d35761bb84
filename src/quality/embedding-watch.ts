import { BlockMeans } from '../statistics/block-means.ts';
import { FourierFeatures, fourierFeatures, medianDistance } from '../statistics/fourier-features.ts';
import { compareMeans, type MeanDiscrepancy } from '../statistics/mean-discrepancy.ts';
import type { VectorTensor } from './columns.ts';
import { significance } from './compare-window.ts';
import type { EmbeddingProfile } from './profile.ts';
import type { StoredEmbedding } from './stored-embedding.ts';

/** Standard deviations below which a shift is no reason for an alarm. */
export const shiftLimit = 0.25;

/** How many windows in a row a change has to last. */
const persistence = 2;

/** Vectors whose distances say how wide the kernel is to be: the first ones. */
const bandwidthRows = 500;

/** Vectors of a reference that is made of the first ones, at most. */
export const mostReferenceRows = 4000;

/** Mapped vectors of a window that are kept, for the scale of its shift: an eighth of a megabyte. */
const mostSampled = 128;

/** Windows whose shifts are remembered. */
const mostRemembered = 24;

/** Of every reference: what one server has made, another may go on with. */
const seed = 20_261_121;

/** The last complete window of a tensor of vectors. */
export interface EmbeddingWindow extends MeanDiscrepancy {
  /** Of epoch. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly rows: number;
  /** Of how many independent rows it is worth. */
  readonly effectiveRows: number;
  /** Beyond the limit, and more than chance. */
  readonly exceeds: boolean;
  /** Windows in a row that exceeded. */
  readonly inARow: number;
  readonly drifted: boolean;
}

export interface EmbeddingWatchOptions {
  readonly tensor: VectorTensor;
  /** undefined makes one of the first rows. */
  readonly profile: EmbeddingProfile | undefined;
  readonly firstRows: number;
  readonly windowMs: number;
  readonly windowRows: number;
  /** p-values are multiplied by how many tensors are watched. */
  readonly tensors: number;
  readonly nowMs: number;
  readonly onWindow: () => void;
}

/** Watches vectors as wholes: whether their distribution is still that of the reference. */
export class EmbeddingWatch {
  readonly tensor: VectorTensor;
  readonly #options: EmbeddingWatchOptions;
  readonly #needed: number;
  readonly #mapped = new Float64Array(fourierFeatures);
  /** The first vectors as they are, until there is a bandwidth. */
  #first: Float32Array;
  #firstRows = 0;
  #features: FourierFeatures | undefined = undefined;
  #bandwidth = 0;
  /** Of the reference while it is made, then of the window. */
  #means = new BlockMeans(fourierFeatures);
  #profile: EmbeddingProfile | undefined = undefined;
  #sample: Float32Array[] = [];
  #sampleEvery = 1;
  #from: number;
  #inARow = 0;
  #last: EmbeddingWindow | undefined = undefined;
  #shifts: number[] = [];
  #unfitting = 0;

  constructor(options: EmbeddingWatchOptions) {
    this.tensor = options.tensor;
    this.#options = options;
    this.#needed = Math.min(options.firstRows, mostReferenceRows);
    this.#from = options.nowMs;
    this.#first = new Float32Array(options.profile === undefined ? bandwidthRows * options.tensor.width : 0);
    if (options.profile !== undefined) this.#start(options.profile);
  }

  get last(): EmbeddingWindow | undefined {
    return this.#last;
  }

  /** Of the windows that were complete, the last one last. */
  get shifts(): readonly number[] {
    return this.#shifts;
  }

  /** undefined until there is a reference. */
  get profile(): EmbeddingProfile | undefined {
    return this.#profile;
  }

  /** Rows that the reference has, and needs, while it is made. */
  get reference(): { readonly rows: number; readonly needed: number } {
    return { rows: this.#features === undefined ? this.#firstRows : this.#means.rows, needed: this.#needed };
  }

  /** Rows of the window that is not complete yet. */
  get rows(): number {
    return this.#profile === undefined ? 0 : this.#means.rows;
  }

  /** Vectors that held what is no finite number. */
  get unfitting(): number {
    return this.#unfitting;
  }

  /** @param vector of the tensor's width. @param nowMs of epoch. */
  add(vector: Float32Array, nowMs: number): void {
    if (!allFinite(vector)) {
      this.#unfitting++;
      return;
    }
    if (this.#features === undefined) this.#addFirst(vector);
    else this.#addMapped(this.#features, vector, nowMs);
  }

  /** undefined while there is no reference. */
  save(): StoredEmbedding | undefined {
    if (this.#profile === undefined) return undefined;
    return {
      profile: this.#profile,
      from: this.#from,
      inARow: this.#inARow,
      shifts: this.#shifts,
      ...(this.#last === undefined ? {} : { last: this.#last }),
      sampleEvery: this.#sampleEvery,
      sample: this.#sample.map((mapped) => Array.from(mapped, rounded)),
      means: this.#means.save(),
    };
  }

  /** What another server has counted is left where only its reference is taken. */
  restore(stored: StoredEmbedding): void {
    this.#first = new Float32Array(0);
    this.#start(stored.profile);
    this.#from = stored.from;
    this.#inARow = stored.inARow;
    this.#shifts = stored.shifts.slice(-mostRemembered);
    this.#last = stored.last;
    this.#sampleEvery = stored.sampleEvery;
    this.#sample = stored.sample.slice(0, mostSampled).map((mapped) => Float32Array.from(mapped));
    if (stored.means !== undefined) this.#means.restore(stored.means);
  }

  /** The kernel follows from the first vectors; they are in the reference as well. */
  #addFirst(vector: Float32Array): void {
    const { width } = this.tensor;
    this.#first.set(vector, this.#firstRows * width);
    if (++this.#firstRows < Math.min(bandwidthRows, this.#needed)) return;
    const rows = this.#first.subarray(0, this.#firstRows * width);
    this.#bandwidth = medianDistance(rows, width);
    this.#features = new FourierFeatures({ width, seed, bandwidth: this.#bandwidth });
    for (let at = 0; at < rows.length; at += width) {
      this.#features.map(rows.subarray(at, at + width), this.#mapped);
      this.#means.add(this.#mapped);
    }
    this.#first = new Float32Array(0);
  }

  #addMapped(features: FourierFeatures, vector: Float32Array, nowMs: number): void {
    features.map(vector, this.#mapped);
    this.#means.add(this.#mapped);
    if (this.#profile === undefined) this.#completeReference(nowMs);
    else this.#addToWindow(this.#profile, nowMs);
  }

  #completeReference(nowMs: number): void {
    if (this.#means.rows < this.#needed) return;
    const { name, width } = this.tensor;
    const variance = this.#means.spread()?.variance;
    if (variance === undefined) return;
    const { rows } = this.#means;
    const mean = Array.from(this.#means.mean(), rounded);
    this.#start({ name, width, seed, bandwidth: this.#bandwidth, rows, mean, variance });
    this.#from = nowMs;
  }

  #start(profile: EmbeddingProfile): void {
    const { width, seed: its, bandwidth } = profile;
    this.#profile = profile;
    this.#features = new FourierFeatures({ width, seed: its, bandwidth });
    this.#means = new BlockMeans(fourierFeatures);
  }

  #addToWindow(profile: EmbeddingProfile, nowMs: number): void {
    const { rows } = this.#means;
    if (rows % this.#sampleEvery === 0) this.#sample.push(Float32Array.from(this.#mapped));
    if (this.#sample.length === mostSampled) {
      this.#sample = this.#sample.filter((_, index) => index % 2 === 1);
      this.#sampleEvery *= 2;
    }
    const { windowMs, windowRows, onWindow } = this.#options;
    if (rows < windowRows || nowMs - this.#from < windowMs) return;
    const spread = this.#means.spread();
    if (spread === undefined) return;
    const current = { mean: this.#means.mean(), variance: spread.variance, spread };
    const compared = compareMeans(current, profile, this.#sample);
    this.#last = this.#judged(compared, { nowMs, effectiveRows: worth(current, rows) });
    this.#inARow = this.#last.inARow;
    this.#shifts = [...this.#shifts, compared.shift].slice(-mostRemembered);
    this.#from = nowMs;
    this.#means = new BlockMeans(fourierFeatures);
    this.#sample = [];
    this.#sampleEvery = 1;
    onWindow();
  }

  #judged(
    compared: MeanDiscrepancy,
    { nowMs, effectiveRows }: { readonly nowMs: number; readonly effectiveRows: number },
  ): EmbeddingWindow {
    const pValue = Math.min(1, compared.pValue * this.#options.tensors);
    const exceeds = compared.shift > shiftLimit && pValue < significance;
    const inARow = exceeds ? this.#inARow + 1 : 0;
    const window = { fromMs: this.#from, toMs: nowMs, rows: this.#means.rows, effectiveRows };
    return { ...window, ...compared, pValue, exceeds, inARow, drifted: inARow >= persistence };
  }
}

/** The squares of a mapped vector add up to 1: what the mean has not is the variance of one row. */
function worth(
  { mean, variance }: { readonly mean: Float64Array; readonly variance: number },
  rows: number,
): number {
  const single = 1 - mean.reduce((sum, value) => sum + value * value, 0);
  return variance > 0 ? Math.min(rows, Math.round(single / variance)) : rows;
}

function allFinite(vector: Float32Array): boolean {
  for (let i = 0; i < vector.length; i++) if (!Number.isFinite(vector[i])) return false;
  return true;
}

/** Far more digits than chance leaves. */
function rounded(value: number): number {
  return Number(value.toPrecision(7));
}
