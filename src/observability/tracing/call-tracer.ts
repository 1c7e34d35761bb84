import {
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
  type Span,
  type Tracer,
} from '@opentelemetry/api';
import type { ServingError } from '../../errors.ts';
import type { BatchRun } from '../../inference/batch-channel.ts';
import type { CallContext, CallTrace } from '../../inference/call-context.ts';
import type { Clock } from '../../util/clock.ts';
import type { CallOutcome } from './call-outcome.ts';

export interface CallTracerOptions {
  readonly tracer: Tracer;
  readonly clock: Pick<Clock, 'now' | 'epochMs'>;
}

/** Makes the spans of calls: one for each call, children of it for what became of its request, and one for each batch. */
export class CallTracer {
  readonly #tracer: Tracer;
  readonly #clock: CallTracerOptions['clock'];
  /** Of calls that are recorded; forgotten with them. */
  readonly #spans = new WeakMap<CallContext, Span>();
  #epochOffsetMs: number;

  constructor({ tracer, clock }: CallTracerOptions) {
    this.#tracer = tracer;
    this.#clock = clock;
    this.#epochOffsetMs = clock.epochMs() - clock.now();
  }

  /** The span of a call, below what its caller sent along; its caller ends it with `end`. */
  begin(call: CallContext, { name, attributes }: CallTrace, parent: Context): Span {
    this.#followWallClock();
    const startTime = this.#epochMs(call.receivedAt);
    const span = this.#tracer.startSpan(name, { kind: SpanKind.SERVER, startTime, attributes }, parent);
    if (span.isRecording()) this.#spans.set(call, span);
    return span;
  }

  end(span: Span, { attributes, failed }: CallOutcome): void {
    span.setAttributes(attributes);
    if (failed) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end(this.#epochMs(this.#clock.now()));
  }

  /** Waiting and computing as children of the calls' spans, and the batch itself, linked to all of them. */
  addBatch(run: BatchRun): void {
    const recorded: { readonly span: Span; readonly queuedAt: number }[] = [];
    for (const { call, queuedAt } of run.calls) {
      const span = this.#spanOf(call);
      if (span !== undefined) recorded.push({ span, queuedAt });
    }
    const [first] = recorded;
    if (first === undefined) return;
    const common = { startTime: this.#epochMs(run.startedAt), attributes: modelOf(run) };
    const endTime = this.#epochMs(run.endedAt);
    // In the trace of its first request, and so sampled as that one is.
    const batch = this.#tracer.startSpan(
      'batch',
      { ...common, links: recorded.map(({ span }) => ({ context: span.spanContext() })) },
      trace.setSpan(ROOT_CONTEXT, first.span),
    );
    batch.setAttributes({ 'tensorgate.batch.requests': run.calls.length, ...timesOf(run) });
    finish(batch, run.error, endTime);
    const links = [{ context: batch.spanContext() }];
    for (const { span, queuedAt } of recorded) {
      const inside = trace.setSpan(ROOT_CONTEXT, span);
      const waiting = { startTime: this.#epochMs(queuedAt), attributes: modelOf(run) };
      this.#tracer.startSpan('queue', waiting, inside).end(common.startTime);
      finish(this.#tracer.startSpan('compute', { ...common, links }, inside), run.error, endTime);
    }
  }

  /** Its own, or that of the call it is a part of: a step of an ensemble in a stream is two levels below its stream. */
  #spanOf(call: CallContext): Span | undefined {
    let span: Span | undefined;
    for (let at: CallContext | undefined = call; at !== undefined && span === undefined; at = at.origin) {
      span = this.#spans.get(at);
    }
    return span;
  }

  #epochMs(at: number): number {
    return this.#epochOffsetMs + at;
  }

  /** The wall clock has whole milliseconds, and may be set: spans of one trace must not jump with it. */
  #followWallClock(): void {
    const offsetMs = this.#clock.epochMs() - this.#clock.now();
    if (Math.abs(offsetMs - this.#epochOffsetMs) > wallClockSlackMs) this.#epochOffsetMs = offsetMs;
  }
}

const wallClockSlackMs = 50;

function modelOf({ model, version, rows }: BatchRun): Attributes {
  return { 'tensorgate.model': model, 'tensorgate.version': version, 'tensorgate.batch.rows': rows };
}

function timesOf({ parts }: BatchRun): Attributes {
  if (parts === undefined) return {};
  return {
    'tensorgate.compute.input_ms': parts.inputMs,
    'tensorgate.compute.infer_ms': parts.inferMs,
    'tensorgate.compute.output_ms': parts.outputMs,
  };
}

function finish(span: Span, error: ServingError | undefined, endTime: number): void {
  if (error !== undefined) {
    span.setAttribute('error.type', error.code);
    span.setStatus({ code: SpanStatusCode.ERROR });
  }
  span.end(endTime);
}
