import type { Attributes } from '@opentelemetry/api';
import type { ErrorCode } from '../../errors.ts';
import type { CallTrace } from '../../inference/call-context.ts';
import type { Exemplar } from '../../inference/exemplar.ts';
import type { Front } from '../../inference/front.ts';

/**
 * What a thread that serves tells of the calls that are recorded, in order; spans are made of it elsewhere. Lists, because they
 * are written as JSON on the thread that serves. Times are milliseconds of the epoch, with fractions.
 */
export type SpanEvent =
  /** What calls of that number are; before the first of them. */
  | readonly [kind: 'named', index: number, named: CallTrace]
  | readonly [
      kind: 'begin',
      call: number,
      named: number,
      /** 1: it is recorded whatever its caller's trace says. */
      kept: 0 | 1,
      /** Of the headers that carry a context, in the order of their names; null for what did not come. */
      headers: readonly (string | null)[],
      receivedAt: number,
    ]
  | readonly [
      kind: 'batch',
      batch: BatchEvent,
      /** Of its recorded calls: number, and since when it waited. */
      calls: readonly number[],
    ]
  | readonly [
      kind: 'end',
      call: number,
      endedAt: number,
      failed: 0 | 1,
      attributes: Attributes,
      /** What it was answered by; null for failures, streams and ensembles. */
      answered: readonly [model: string, version: string, front: Front] | null,
    ];

export interface BatchEvent {
  readonly model: string;
  readonly version: string;
  readonly rows: number;
  readonly requests: number;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly parts: readonly [inputMs: number, inferMs: number, outputMs: number] | null;
  /** Code of its failure; '' without. */
  readonly error: ErrorCode | '';
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
      /** Of the calls that ended with it and are sent. */
      readonly exemplars: readonly Exemplar[];
    }
  /** What it was told to send has been sent, or was not taken. */
  | { readonly kind: 'flushed'; readonly taken: boolean };

/** Sent instead of events: ends the thread, or has it send all spans that have ended. */
export const spanCommands = { end: '', flush: 'flush' } as const;

/** What it is started with. */
export interface SpanThreadSetup {
  readonly version: string;
}
