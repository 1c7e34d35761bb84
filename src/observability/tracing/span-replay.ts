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
import { CallContext } from '../../inference/call-context.ts';
import type { Exemplar } from '../../inference/exemplar.ts';
import { CallTracer } from './call-tracer.ts';
import type { BeginEvent, EndEvent, RunEvent, SpanEvent } from './span-events.ts';

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
    switch (event.kind) {
      case 'begin':
        this.#begin(event);
        break;
      case 'batch':
        this.#batch(event);
        break;
      case 'end': {
        this.#end(event);
      }
    }
  }

  #begin({ call, named, kept, headers, receivedAt }: BeginEvent): void {
    if (this.#open.size >= maxOpenCalls) {
      for (const oldest of this.#open.keys()) {
        this.#open.delete(oldest);
        break;
      }
    }
    const context = new CallContext(receivedAt, Infinity);
    const parent = this.#parentOf(headers);
    const span = this.#calls.begin(context, named, kept ? sampled(parent) : parent);
    this.#open.set(call, { context, span });
  }

  #end({ call, endedAt, outcome, answered }: EndEvent): void {
    const open = this.#open.get(call);
    if (open === undefined) return;
    this.#open.delete(call);
    this.#now = endedAt;
    const { span, context } = open;
    if (answered !== undefined && span.isRecording()) {
      const { traceId, spanId } = span.spanContext();
      const ms = endedAt - context.receivedAt;
      this.#onExemplar({ ...answered, ms, traceId, spanId, epochMs: endedAt });
    }
    this.#calls.end(span, outcome);
  }

  #batch({ batch, calls: pairs }: RunEvent): void {
    const { requests, error, ...run } = batch;
    const calls: BatchedCall[] = [];
    for (let at = 0; at < pairs.length; at += 2) {
      const open = this.#open.get(pairs[at] ?? NaN);
      if (open !== undefined) calls.push({ call: open.context, queuedAt: pairs[at + 1] ?? 0 });
    }
    if (calls.length === 0) return;
    while (calls.length < requests) calls.push(unrecorded);
    this.#calls.addBatch({ ...run, calls, error: error && new ServingError(error, '') });
  }

  #parentOf(values: readonly (string | undefined)[]): Context {
    if (values.every((value) => value === undefined)) return ROOT_CONTEXT;
    return propagation.extract(ROOT_CONTEXT, values, {
      get: (carrier, name) => carrier[this.#headers.indexOf(name.toLowerCase())],
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
