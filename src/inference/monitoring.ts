import type { CallContext } from './call-context.ts';
import type { InferRequest } from './request.ts';
import type { Principal } from './principal.ts';
import type { InferResponse } from './response.ts';

/** What a metric of a model's quality is called. */
export const qualityMetrics = ['accuracy', 'f1', 'brier', 'logLoss', 'ece', 'rmse', 'mae'] as const;

export type QualityMetric = (typeof qualityMetrics)[number];

/** Where labels may come later, and what they are compared with. */
export interface FeedbackPlan {
  /** Predictions that wait for their labels, at most. */
  readonly keepRequests: number;
  readonly keepMs: number;
  /** Labels that metrics are computed from: the newest so many. */
  readonly windowLabels: number;
  /** What the metric was when the model was made; undefined raises no alert. */
  readonly baseline: { readonly metric: QualityMetric; readonly value: number } | undefined;
  /** An alert is raised below this share of the baseline. */
  readonly alertBelow: number;
}

/** What the traffic of a model is compared with, and how often. */
export interface DriftPlan {
  /** As the file holds it, unchecked; undefined makes the reference of the first rows. */
  readonly profile: unknown;
  /** Inputs and outputs that are compared as whole vectors; undefined for outputs that look like embeddings. */
  readonly embeddings?: readonly string[] | undefined;
  /** Rows that the reference is made of, where there is no profile. */
  readonly firstRows: number;
  readonly rowsPerSecond: number;
  readonly windowMs: number;
  /** A window lasts until it has as many. */
  readonly windowRows: number;
}

/** What is watched of a model's answers, by the word of the file beside it. */
export interface MonitoringPlan {
  readonly feedback: FeedbackPlan | undefined;
  readonly drift: DriftPlan | undefined;
}

/** What is to be looked at of one request. */
export interface Look {
  readonly rows: number;
  /** Of tensors that are watched as vectors. */
  readonly vectorRows: number;
}

/** Watches one version of a model. */
export interface Monitor {
  /** Whether to look at a request when it is answered; undefined for most. @param nowMs when it came, of the monitor's clock. */
  choose(request: InferRequest, nowMs: number): Look | undefined;
  /** Looks at an answer after it was written; at most notes the request until then. */
  watch(look: Look, request: InferRequest, response: InferResponse, call: CallContext): void;
}

/** The true value of a prediction: a class by its name or index, or a number. */
export type Label = string | number | boolean;

/** Labels of the rows of one request. */
export interface LabelledRequest {
  readonly id: string;
  readonly labels: readonly Label[];
}

/** What became of labels. */
export interface FeedbackCounts {
  readonly accepted: number;
  /** Of ids that are not kept, or no longer. */
  readonly unknown: number;
  /** Of ids that have their labels. */
  readonly repeated: number;
  /** More or fewer labels than rows, or no value that such a prediction could have. */
  readonly unfitting: number;
}

/** Labels that come from a client. */
export interface Feedback {
  readonly model: string;
  /** '' for whichever version answered. */
  readonly version: string;
  /** Whose requests they were; '' for the caller's own. Others' need the scope admin. */
  readonly principal: string;
  readonly labels: readonly LabelledRequest[];
}

/** What the fronts may do with the quality of models. */
export interface ModelQuality {
  /** @throws not_found where nobody waits for labels of the model, permission_denied for others' requests. */
  feedback(feedback: Feedback, caller: Principal): FeedbackCounts | Promise<FeedbackCounts>;
  /** JSON, of all versions that are watched where `version` is ''. @throws not_found where none is. */
  report(model: string, version: string): object | Promise<object>;
  /** What the traffic of a version is compared with, as a profile's file holds it. @throws not_found as above, or while there is none. */
  profile(model: string, version: string): object | Promise<object>;
  /** The report as a page. @throws not_found as above. */
  page(model: string, version: string): string | Promise<string>;
}
