import type { FeedbackCounts, FeedbackPlan, Label, LabelledRequest } from '../inference/monitoring.ts';
import { AdaptiveWindow } from './adaptive-window.ts';
import { KeptPredictions } from './kept-predictions.ts';
import { computeMetrics, greaterIsBetter, lagQuantiles, type LabelMetrics } from './label-metrics.ts';
import { outcomeOf, type Outcome, type Prediction } from './prediction.ts';

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

  /** @param classes names by index; empty where they have none. */
  constructor(plan: FeedbackPlan, classes: readonly string[], onEvent: (event: QualityEvent) => void) {
    this.#plan = plan;
    this.#classes = classes;
    this.#onEvent = onEvent;
    this.#kept = new KeptPredictions(plan.keepRequests, plan.keepMs);
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

  /** Whether the request's prediction is kept. */
  knows(principal: string, id: string, nowMs: number): boolean {
    return this.#kept.find(principal, id, nowMs) !== undefined;
  }

  /** Takes the labels whose ids are kept; the caller learns how many there were. */
  label(principal: string, { id, labels }: LabelledRequest, nowMs: number): keyof FeedbackCounts {
    const result = this.#take(principal, { id, labels }, nowMs);
    this.#counts[result]++;
    if (result === 'accepted') this.#sinceLook++;
    return result;
  }

  /** After the labels of a message: events are told of what they changed. */
  settle(): void {
    if (this.#sinceLook < Math.max(lookEvery, this.#plan.windowLabels / 100)) return;
    this.#sinceLook = 0;
    this.#checkAlert();
  }

  report(): FeedbackReport {
    return {
      ...this.#counts,
      total: { ...this.#total },
      kept: this.#kept.size,
      windowLabels: this.#outcomes.length,
      metrics: computeMetrics(this.#outcomes),
      labelLag: lagQuantiles(this.#outcomes),
      alert: this.#alertState(),
      changes: this.#changes,
      estimatedAccuracy: this.#estimate(),
    };
  }

  #take(principal: string, { id, labels }: LabelledRequest, nowMs: number): keyof FeedbackCounts {
    const kept = this.#kept.find(principal, id, nowMs);
    if (kept === undefined) return 'unknown';
    if (kept.labelled) return 'repeated';
    if (kept.rows.length !== labels.length || labels.some(isTooLong)) return 'unfitting';
    const outcomes: Outcome[] = [];
    for (const [row, prediction] of kept.rows.entries()) {
      const outcome = outcomeOf(prediction, labels[row] ?? '', this.#classes, nowMs - kept.atMs);
      if (outcome === undefined) return 'unfitting';
      outcomes.push(outcome);
    }
    kept.labelled = true;
    for (const outcome of outcomes) this.#add(outcome);
    return 'accepted';
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
