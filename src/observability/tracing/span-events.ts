import type { ErrorCode } from '../../errors.ts';
import type { BatchRun } from '../../inference/batch-channel.ts';
import type { CallTrace } from '../../inference/call-context.ts';
import type { Exemplar } from '../../inference/exemplar.ts';
import type { Front } from '../../inference/front.ts';
import type { CallOutcome } from './call-outcome.ts';

/**
 * What a thread that serves tells of the calls that are recorded, in order; spans are made of it elsewhere. Times are milliseconds
 * of the epoch, with fractions.
 */
export type SpanEvent = BeginEvent | RunEvent | EndEvent;

export interface BeginEvent {
  readonly kind: 'begin';
  readonly call: number;
  /** The same object for all calls that are called alike. */
  readonly named: CallTrace;
  /** It is recorded whatever its caller's trace says. */
  readonly kept: boolean;
  /** Of the headers that carry a context, in the order of their names; undefined for what did not come. */
  readonly headers: readonly (string | undefined)[];
  readonly receivedAt: number;
}

/** A batch with recorded calls has run. */
export interface RunEvent {
  readonly kind: 'batch';
  readonly batch: BatchEvent;
  /** Of its recorded calls: number, and since when it waited. */
  readonly calls: readonly number[];
}

export interface EndEvent {
  readonly kind: 'end';
  readonly call: number;
  readonly endedAt: number;
  readonly outcome: CallOutcome;
  /** What it was answered by; undefined for failures, streams and ensembles. */
  readonly answered: AnsweredBy | undefined;
}

interface AnsweredBy {
  readonly model: string;
  readonly version: string;
  readonly front: Front;
}

export interface BatchEvent {
  readonly model: string;
  readonly version: string;
  readonly rows: number;
  readonly requests: number;
  readonly startedAt: number;
  readonly endedAt: number;
  /** undefined when it failed. */
  readonly parts: BatchRun['parts'];
  /** Code of its failure. */
  readonly error: ErrorCode | undefined;
}

/** What the thread that makes spans says. */
export type SpanThreadMessage =
  | {
      readonly kind: 'ready';
      /** Headers that carry a context, in the order of `begin`. */
      readonly headers: readonly string[];
    }
  /** A message of events has been read. */
  | {
      readonly kind: 'read';
      /** Of the calls that ended with it and are sent, the last of each bucket. */
      readonly exemplars: readonly Exemplar[];
    }
  /** What it was told to send has been sent, or was not taken. */
  | { readonly kind: 'flushed'; readonly taken: boolean };

/** Sent instead of events: ends the thread, or has it send all spans that have ended. */
export const spanCommands = { end: 'end', flush: 'flush' } as const;

export type SpanCommand = (typeof spanCommands)[keyof typeof spanCommands];

/** What it is started with. */
export interface SpanThreadSetup {
  readonly version: string;
}
