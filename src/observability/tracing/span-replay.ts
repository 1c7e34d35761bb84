import {
  propagation,
  ROOT_CONTEXT,
  trace,
  TraceFlags,
  type Context,
  type Span,
  type Tracer,
} from '@opentelemetry/api';
import { ServingError } from '../../errors.ts';
import type { BatchedCall } from '../../inference/batch-channel.ts';
import { CallContext, type CallTrace } from '../../inference/call-context.ts';
import type { Exemplar } from '../../inference/exemplar.ts';
import { CallTracer } from './call-tracer.ts';
import type { BatchEvent, SpanEvent } from './span-events.ts';

/** Recorded calls that have not ended; one whose end was lost gives way to later ones. */
const maxOpenCalls = 65_536;

interface OpenCall {
  readonly context: CallContext;
  readonly span: Span;
}

/** Makes spans of events, through a tracer of OpenTelemetry. */
export class SpanReplay {
  readonly #calls: CallTracer;
  readonly #headers: readonly string[];
  readonly #onExemplar: (exemplar: Exemplar) => void;
  readonly #named = new Map<number, CallTrace>();
  readonly #open = new Map<number, OpenCall>();
  #now = 0;

  /**
   * @param headers names of those that `begin` brings values of.
   * @param onExemplar told of answered calls whose spans are sent.
   */
  constructor(tracer: Tracer, headers: readonly string[], onExemplar: (exemplar: Exemplar) => void) {
    this.#headers = headers;
    this.#onExemplar = onExemplar;
    const now = (): number => this.#now;
    this.#calls = new CallTracer({ tracer, clock: { now, epochMs: now } });
  }

  take(event: SpanEvent): void {
    switch (event[0]) {
      case 'named':
        this.#named.set(event[1], event[2]);
        break;
      case 'begin':
        this.#begin(event);
        break;
      case 'batch':
        this.#batch(event[1], event[2]);
        break;
      case 'end': {
        this.#end(event);
      }
    }
  }

  #begin([, call, index, kept, values, receivedAt]: Extract<
    SpanEvent,
    readonly ['begin', ...unknown[]]
  >): void {
    const named = this.#named.get(index);
    if (named === undefined) return;
    if (this.#open.size >= maxOpenCalls) {
      for (const oldest of this.#open.keys()) {
        this.#open.delete(oldest);
        break;
      }
    }
    const context = new CallContext(receivedAt, Infinity);
    const parent = this.#parentOf(values);
    const span = this.#calls.begin(context, named, kept === 1 ? sampled(parent) : parent);
    this.#open.set(call, { context, span });
  }

  #end([, call, endedAt, failed, attributes, answered]: Extract<
    SpanEvent,
    readonly ['end', ...unknown[]]
  >): void {
    const open = this.#open.get(call);
    if (open === undefined) return;
    this.#open.delete(call);
    this.#now = endedAt;
    const { span, context } = open;
    if (answered !== null && span.isRecording()) {
      const [model, version, front] = answered;
      const { traceId, spanId } = span.spanContext();
      const ms = endedAt - context.receivedAt;
      this.#onExemplar({ model, version, front, ms, traceId, spanId, epochMs: endedAt });
    }
    this.#calls.end(span, { attributes, failed: failed === 1 });
  }

  #batch({ parts, error, requests, ...batch }: BatchEvent, pairs: readonly number[]): void {
    const calls: BatchedCall[] = [];
    for (let at = 0; at < pairs.length; at += 2) {
      const open = this.#open.get(pairs[at] ?? NaN);
      if (open !== undefined) calls.push({ call: open.context, queuedAt: pairs[at + 1] ?? 0 });
    }
    if (calls.length === 0) return;
    while (calls.length < requests) calls.push(unrecorded);
    this.#calls.addBatch({
      ...batch,
      calls,
      parts: parts === null ? undefined : { inputMs: parts[0], inferMs: parts[1], outputMs: parts[2] },
      error: error === '' ? undefined : new ServingError(error, ''),
    });
  }

  #parentOf(values: readonly (string | null)[]): Context {
    return propagation.extract(ROOT_CONTEXT, values, {
      get: (carrier, name) => carrier[this.#headers.indexOf(name.toLowerCase())] ?? undefined,
      keys: () => [],
    });
  }
}

/** Stands for calls of a batch that are not recorded. */
const unrecorded: BatchedCall = { call: new CallContext(0, Infinity), queuedAt: 0 };

/** The same context of a caller, as one that samples. */
function sampled(parent: Context): Context {
  const caller = trace.getSpanContext(parent);
  if (caller === undefined) return parent;
  return trace.setSpanContext(parent, { ...caller, traceFlags: caller.traceFlags | TraceFlags.SAMPLED });
}
