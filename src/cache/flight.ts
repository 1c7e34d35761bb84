import { CallContext } from '../inference/call-context.ts';
import type { InferRequest } from '../inference/request.ts';
import type { InferResponse } from '../inference/response.ts';
import type { ModelCache } from './model-cache.ts';
import type { RowLook } from './row-look.ts';

/** A caller that waits for an execution, whether it caused it or not. */
export interface Waiter {
  readonly request: InferRequest;
  readonly call: CallContext;
  readonly resolve: (response: InferResponse) => void;
  readonly reject: (error: unknown) => void;
  /** Ends the wait when the caller has less time than the execution. */
  timer: Disposable | undefined;
}

/** It waits no longer. */
export function letGo(waiter: Waiter): void {
  waiter.timer?.[Symbol.dispose]();
  waiter.timer = undefined;
  waiter.call.onCancelled(undefined);
}

/**
 * One execution for all callers that ask the same. It has a call of its own, so that it ends early only when everybody has
 * left, whoever came first.
 */
export class Flight {
  readonly model: ModelCache;
  /** '' where nobody may join: what is asked has terms of its own in the queue. */
  readonly key: string;
  readonly request: InferRequest;
  readonly call: CallContext;
  /** In the order they came. None for a refresh in the background. */
  readonly waiters = new Set<Waiter>();
  readonly startedAt: number;
  /** ModelCache.era when it began. */
  readonly era: number;
  /** Which rows are computed, where they have answers of their own; undefined for all. */
  rows: RowLook | undefined;
  /** Of the look-up that came before it; undefined where a request has been counted before. */
  readonly lookupMs: number | undefined;

  constructor({ model, key, request, first, deadline, startedAt, lookupMs, rows }: FlightOptions) {
    this.model = model;
    this.key = key;
    this.request = request;
    this.era = model.era;
    this.startedAt = startedAt;
    this.lookupMs = lookupMs;
    this.rows = rows;
    this.call = new CallContext(first.receivedAt, deadline, first.principal, first.sizeBytes);
    this.call.streaming = first.streaming;
    this.call.front = first.front;
    this.call.origin = first;
    this.call.times = { inputMs: 0, inferMs: 0, outputMs: 0, shareMs: 0 };
  }
}

/** On whose behalf an answer is kept, and since when it was being made. */
export type Beginning = Pick<Flight, 'model' | 'startedAt' | 'era'>;

export interface FlightOptions {
  readonly model: ModelCache;
  readonly key: string;
  readonly request: InferRequest;
  /** On whose behalf it counts. */
  readonly first: CallContext;
  readonly deadline: number;
  readonly startedAt: number;
  readonly lookupMs: number | undefined;
  readonly rows: RowLook | undefined;
}

/** A request that has been looked up. */
export interface Asked {
  readonly key: string;
  readonly request: InferRequest;
  readonly call: CallContext;
  readonly nowMs: number;
  readonly lookupMs: number;
}

/** What an execution is to be begun for. */
export interface Launch {
  readonly key: string;
  readonly joinable: boolean;
  readonly waiters: readonly Waiter[];
  readonly first: CallContext;
  readonly request: InferRequest;
  readonly nowMs: number;
  readonly lookupMs: number | undefined;
  readonly rows: RowLook | undefined;
}

/** Who asks to go first, or not to wait for long, shares no execution with who does not. */
export function hasTermsOfItsOwn({ parameters }: InferRequest): boolean {
  return parameters.size > 0 && (parameters.has('priority') || parameters.has('timeout'));
}
