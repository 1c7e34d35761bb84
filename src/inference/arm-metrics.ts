import { ServingError } from '../errors.ts';

/** Values of a metric that were reported for one arm, as parts of the metric's range: 0..1 each. */
export interface MetricSums {
  readonly count: number;
  readonly sum: number;
  readonly squares: number;
}

/** A metric that may be reported for answers of a model. */
export interface MetricRule {
  readonly name: string;
  /** Values below `min` and above `max` are refused. */
  readonly min: number;
  readonly max: number;
}

/** Values of one arm, added up by whoever reports them. */
export interface ArmValues {
  readonly by: 'arm';
  readonly arm: string;
  readonly count: number;
  readonly sum: number;
  /** Sum of the values' squares; undefined takes the values for as far apart as they can be. */
  readonly squares: number | undefined;
}

/** Whose answers had a value; which arm that was, the server knows. */
export type ValueEntry =
  /** Of a sticky key: the arm that it has now. */
  | { readonly by: 'user'; readonly user: string; readonly value: number }
  /** Of a request, by its id and who sent it: the arm that it met. Once for each metric. */
  | { readonly by: 'request'; readonly principal: string; readonly id: string; readonly value: number };

export type MetricEntry = ArmValues | ValueEntry;

export interface MetricReport {
  readonly model: string;
  readonly metric: string;
  readonly entries: readonly MetricEntry[];
}

/** What one thread did with a report. */
export interface MetricOutcome extends Omit<MetricCounts, 'unknown'> {
  /** Another thread may know them. */
  readonly unknown: readonly MetricEntry[];
}

/** What became of the entries of a report. */
export interface MetricCounts {
  readonly used: number;
  /** Of ids that are not known, or no longer, and of arms that there are not. */
  readonly unknown: number;
  /** Of requests that have their value. */
  readonly repeated: number;
  /** Of metrics that no running rollout of the model asks for. */
  readonly unused: number;
}

/** A value as callers send it: of a request, by its id and whose it was, or of a user; '' for what is left out. */
export interface SentValue {
  readonly requestId: string;
  readonly principal: string;
  readonly user: string;
  readonly value: unknown;
}

/** @param caller whose requests are meant where nobody is named. @throws ServingError invalid_argument */
export function entryOf({ requestId, principal, user, value }: SentValue, caller: string): MetricEntry {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw wrongValue('value must be a number');
  if ((requestId === '') === (user === '')) {
    throw wrongValue('each value needs either request_id or user');
  }
  if (user !== '') return { by: 'user', user, value };
  return { by: 'request', principal: principal === '' ? caller : principal, id: requestId, value };
}

function wrongValue(problem: string): ServingError {
  return new ServingError('invalid_argument', `metric: ${problem}`, { reason: 'ROLLOUT_METRIC' });
}

/** Counts the entries of a report, whichever thread answered their requests. @throws invalid_argument for values out of range. */
export type ReportMetric = (report: MetricReport) => Promise<MetricCounts>;

/** Entries in one report: some milliseconds, in which nobody else is served. */
export const mostMetricEntries = 10_000;

/** The metric that the labels of monitored models feed: 1 for an answer that was right, 0 for one that was wrong. */
export const accuracyMetric = 'accuracy';

/** All labels that have come for one version since it was loaded: rows, and the sum of their errors of 0..1. */
export interface LabelTotal {
  readonly outcomes: number;
  readonly errors: number;
}
