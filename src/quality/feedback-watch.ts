import type { FeedbackCounts, FeedbackPlan, Label } from '../inference/monitoring.ts';
import { AdaptiveWindow } from './adaptive-window.ts';
import { keyOf, type KeptPrediction, type KeptPredictions } from './kept-predictions.ts';
import { computeMetrics, greaterIsBetter, lagQuantiles, type LabelMetrics } from './label-metrics.ts';
import { outcomeOf, type Outcome, type Prediction } from './prediction.ts';
import type { StoredFeedback } from './stored-version.ts';

/** Labels below which a metric is no reason for an alert. */
const leastLabels = 100;

/** Longer ids are not kept, and longer labels fit nothing: what clients send must not fill the memory. */
const mostTextChars = 256;

/** Labels between two looks at the alert: computing metrics takes longer than taking a label. */
const lookEvery = 10;

/** Predictions that the confidence is a mean of: an exponential window. */
const confidencePredictions = 1000;

/** What happened to the quality of a version. */
export type QualityEvent =
  | { readonly kind: 'quality_below_baseline' | 'quality_recovered'; readonly details: AlertState }
  | {
      readonly kind: 'quality_changed';
      readonly details: { readonly before: number; readonly after: number };
    };

/** How the metric of the baseline stands. */
export interface AlertState {
  readonly metric: string;
  readonly baseline: number;
  readonly limit: number;
  readonly value: number | undefined;
  readonly labels: number;
  readonly below: boolean;
}

export interface FeedbackReport extends FeedbackCounts {
  /** Of all labels since the version was loaded: rows, and the sum of their errors of 0..1, as a test takes them. */
  readonly total: { readonly outcomes: number; readonly errors: number };
  readonly kept: number;
  readonly windowLabels: number;
  readonly metrics: LabelMetrics;
  readonly labelLag: ReturnType<typeof lagQuantiles>;
  readonly alert: AlertState | undefined;
  /** Changes of the error that were detected. */
  readonly changes: number;
  /** Of the newest predictions, labelled or not: the accuracy to expect by the model's own confidence; undefined without it. */
  readonly estimatedAccuracy: number | undefined;
}

function isTooLong(label: Label): boolean {
  return typeof label === 'string' && label.length > mostTextChars;
}

export interface FeedbackWatchOptions {
  /** Names by index; empty where they have none. */
  readonly classes: readonly string[];
  /** May hold what was kept before. */
  readonly kept: KeptPredictions;
  readonly onEvent: (event: QualityEvent) => void;
}

/** Keeps predictions until their labels come, and computes how good they were. */
export class FeedbackWatch {
  readonly #plan: FeedbackPlan;
  readonly #classes: readonly string[];
  readonly #onEvent: (event: QualityEvent) => void;
  readonly #kept: KeptPredictions;
  readonly #outcomes: Outcome[] = [];
  readonly #errors = new AdaptiveWindow();
  readonly #counts = { accepted: 0, unknown: 0, repeated: 0, unfitting: 0 };
  #next = 0;
  #changes = 0;
  #below = false;
  #sinceLook = 0;
  readonly #total = { outcomes: 0, errors: 0 };
  #confidence = Number.NaN;
  #errorScale = 0;

  constructor(plan: FeedbackPlan, { classes, kept, onEvent }: FeedbackWatchOptions) {
    this.#plan = plan;
    this.#classes = classes;
    this.#onEvent = onEvent;
    this.#kept = kept;
  }

  get kept(): KeptPredictions {
    return this.#kept;
  }

  save(): StoredFeedback {
    return {
      outcomes: this.#outcomes.map((each) => [
        each.predicted,
        each.label,
        each.correct,
        each.confidence,
        each.brier,
        each.logLoss,
        each.error,
        each.lagMs,
      ]),
      next: this.#next,
      errors: this.#errors.save(),
      counts: { ...this.#counts },
      changes: this.#changes,
      below: this.#below,
      sinceLook: this.#sinceLook,
      confidence: this.#confidence,
      errorScale: this.#errorScale,
    };
  }

  /** Of a watch with the same plan, into one that has seen nothing. The total begins anew: whoever compares versions has taken what was before. */
  restore(stored: StoredFeedback): void {
    for (const each of stored.outcomes.slice(0, this.#plan.windowLabels)) {
      const [predicted, label, correct, confidence, brier, logLoss, error, lagMs] = each;
      this.#outcomes.push({ predicted, label, correct, confidence, brier, logLoss, error, lagMs });
    }
    this.#next = stored.next % this.#plan.windowLabels;
    this.#errors.restore(stored.errors);
    Object.assign(this.#counts, stored.counts);
    this.#changes = stored.changes;
    this.#below = stored.below;
    this.#sinceLook = stored.sinceLook;
    this.#confidence = stored.confidence;
    this.#errorScale = stored.errorScale;
  }

  /** Requests without an id cannot be labelled; their confidence counts all the same. */
  predicted(principal: string, id: string, rows: readonly Prediction[], nowMs: number): void {
    for (const row of rows) {
      if (row.kind !== 'class' || Number.isNaN(row.confidence)) continue;
      this.#confidence = Number.isNaN(this.#confidence)
        ? row.confidence
        : this.#confidence + (row.confidence - this.#confidence) / confidencePredictions;
    }
    if (id !== '' && id.length <= mostTextChars) this.#kept.keep(principal, id, rows, nowMs);
  }

  /** The prediction of a request, while it is kept here. */
  find(principal: string, id: string, nowMs: number): KeptPrediction | undefined {
    return this.#kept.find(keyOf(principal, id), nowMs);
  }

  /** Whether a prediction takes such labels, and has none yet. */
  takes(kept: KeptPrediction, labels: readonly Label[], nowMs: number): boolean {
    return typeof this.#outcomesOf(kept, labels, nowMs) !== 'string';
  }

  /** Takes the labels of a prediction that was found; the caller learns what became of them. */
  label(kept: KeptPrediction | undefined, labels: readonly Label[], nowMs: number): keyof FeedbackCounts {
    const result = this.#take(kept, labels, nowMs);
    this.#counts[result]++;
    if (result === 'accepted') this.#sinceLook++;
    return result;
  }

  /** Labels came again while the first ones are being taken. */
  repeated(): 'repeated' {
    this.#counts.repeated++;
    return 'repeated';
  }

  /** After the labels of a message: events are told of what they changed. */
  settle(): void {
    if (this.#sinceLook < Math.max(lookEvery, this.#plan.windowLabels / 100)) return;
    this.#sinceLook = 0;
    this.#checkAlert();
  }

  /** Of all labels since the version was loaded. */
  get total(): FeedbackReport['total'] {
    return { ...this.#total };
  }

  report(): FeedbackReport {
    return {
      ...this.#counts,
      total: this.total,
      kept: this.#kept.size,
      windowLabels: this.#outcomes.length,
      metrics: computeMetrics(this.#outcomes),
      labelLag: lagQuantiles(this.#outcomes),
      alert: this.#alertState(),
      changes: this.#changes,
      estimatedAccuracy: this.#estimate(),
    };
  }

  #take(kept: KeptPrediction | undefined, labels: readonly Label[], nowMs: number): keyof FeedbackCounts {
    if (kept === undefined) return 'unknown';
    const outcomes = this.#outcomesOf(kept, labels, nowMs);
    if (typeof outcomes === 'string') return outcomes;
    this.#kept.label(kept);
    for (const outcome of outcomes) this.#add(outcome);
    return 'accepted';
  }

  #outcomesOf(
    kept: KeptPrediction,
    labels: readonly Label[],
    nowMs: number,
  ): readonly Outcome[] | 'repeated' | 'unfitting' {
    if (kept.labelled) return 'repeated';
    if (kept.rows.length !== labels.length || labels.some(isTooLong)) return 'unfitting';
    const outcomes: Outcome[] = [];
    for (const [row, prediction] of kept.rows.entries()) {
      const outcome = outcomeOf(prediction, labels[row] ?? '', this.#classes, nowMs - kept.atMs);
      if (outcome === undefined) return 'unfitting';
      outcomes.push(outcome);
    }
    return outcomes;
  }

  #add(outcome: Outcome): void {
    this.#outcomes[this.#next] = outcome;
    this.#next = (this.#next + 1) % this.#plan.windowLabels;
    const error = this.#errorOf(outcome);
    this.#total.outcomes++;
    this.#total.errors += error;
    const change = this.#errors.add(error);
    if (change === undefined) return;
    this.#changes++;
    this.#onEvent({ kind: 'quality_changed', details: change });
  }

  /** 0..1: of numbers half for one as large as is usual. */
  #errorOf({ error, correct }: Outcome): number {
    if (Number.isNaN(error)) return correct ? 0 : 1;
    const size = Math.abs(error);
    const seen = Math.min(this.#errors.count, leastLabels);
    if (seen < leastLabels) this.#errorScale += (size - this.#errorScale) / (seen + 1);
    return size === 0 ? 0 : size / (size + Math.max(this.#errorScale, Number.MIN_VALUE));
  }

  #alertState(): AlertState | undefined {
    const { baseline, alertBelow } = this.#plan;
    if (baseline === undefined) return undefined;
    const value = computeMetrics(this.#outcomes)[baseline.metric];
    const better = greaterIsBetter[baseline.metric];
    const limit = better ? baseline.value * alertBelow : baseline.value / alertBelow;
    const labels = this.#outcomes.length;
    const below = value !== undefined && labels >= leastLabels && (better ? value < limit : value > limit);
    return { metric: baseline.metric, baseline: baseline.value, limit, value, labels, below };
  }

  #checkAlert(): void {
    const state = this.#alertState();
    if (state === undefined || state.below === this.#below) return;
    this.#below = state.below;
    this.#onEvent({ kind: state.below ? 'quality_below_baseline' : 'quality_recovered', details: state });
  }

  /** The mean confidence, by as much off as that of labelled predictions was. */
  #estimate(): number | undefined {
    if (Number.isNaN(this.#confidence)) return undefined;
    const sure = this.#outcomes.filter(({ confidence }) => !Number.isNaN(confidence));
    if (sure.length < leastLabels) return this.#confidence;
    let off = 0;
    for (const { confidence, correct } of sure) off += (correct ? 1 : 0) - confidence;
    return Math.min(Math.max(this.#confidence + off / sure.length, 0), 1);
  }
}
