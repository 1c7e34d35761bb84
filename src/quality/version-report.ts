import type { ColumnWatch } from './column-watch.ts';
import type { DriftWindow } from './drift-watch.ts';
import type { EmbeddingWatch, EmbeddingWindow } from './embedding-watch.ts';
import type { FeedbackReport } from './feedback-watch.ts';
import type { VersionMonitor } from './version-monitor.ts';

/** One side of a model, its inputs or its answers. */
export interface SideReport {
  /** Rows that the reference has and needs, while it is being made; undefined once there is one. */
  readonly reference: { readonly rows: number; readonly needed: number } | undefined;
  /** Rows of the window that is not complete yet. */
  readonly rows: number;
  /** The last complete window; undefined before there is one. */
  readonly window: DriftWindow | undefined;
}

/** A tensor whose rows are compared as vectors. */
export interface EmbeddingReport {
  readonly name: string;
  readonly side: 'inputs' | 'answers';
  readonly width: number;
  /** As above. */
  readonly reference: { readonly rows: number; readonly needed: number } | undefined;
  readonly rows: number;
  readonly window: EmbeddingWindow | undefined;
  /** Of the last windows, the newest last. */
  readonly shifts: readonly number[];
  /** Vectors that held what is no finite number. */
  readonly unfitting: number;
}

/** All that is known of the quality of one version; JSON. */
export interface VersionReport {
  readonly model: string;
  readonly version: string;
  readonly feedback: FeedbackReport | undefined;
  readonly inputs: SideReport | undefined;
  readonly answers: SideReport | undefined;
  /** Of both, what is compared as whole vectors. */
  readonly embeddings: readonly EmbeddingReport[];
  /** Answers that could not be looked at. */
  readonly failures: number;
  /** Requests that were not looked at because too many came at once. */
  readonly dropped: number;
}

export function reportOf(monitor: VersionMonitor): VersionReport {
  const { model, version, failures, dropped } = monitor;
  return {
    model,
    version,
    feedback: monitor.feedback?.report(),
    inputs: sideOf(monitor.inputs),
    answers: sideOf(monitor.answers),
    embeddings: monitor.embeddings.map(embeddingOf),
    failures,
    dropped,
  };
}

function embeddingOf(watch: EmbeddingWatch): EmbeddingReport {
  const { tensor, profile, rows, last, shifts, unfitting } = watch;
  const reference = profile === undefined ? watch.reference : undefined;
  return { ...tensor, reference, rows, window: last, shifts, unfitting };
}

function sideOf(watch: ColumnWatch | undefined): SideReport | undefined {
  if (watch === undefined) return undefined;
  return {
    reference: watch.watch === undefined ? watch.reference : undefined,
    rows: watch.watch?.rows ?? 0,
    window: watch.last,
  };
}
