import {
  trace,
  type Attributes,
  type AttributeValue,
  type Context,
  type Span,
  type SpanContext,
  type SpanOptions,
  type SpanStatus,
  type TimeInput,
  type Tracer,
} from '@opentelemetry/api';

/** A span that remembers what was done to it. */
export class FakeSpan implements Span {
  readonly name: string;
  readonly id: string;
  readonly parentId: string | undefined;
  readonly startTime: TimeInput | undefined;
  readonly linkedIds: readonly string[];
  readonly attributes: Attributes = {};
  readonly recording: boolean;
  status: SpanStatus | undefined = undefined;
  endTime: TimeInput | undefined = undefined;

  constructor(
    name: string,
    id: string,
    { startTime, links = [], attributes = {} }: SpanOptions,
    parent: { readonly id: string | undefined; readonly recording: boolean },
  ) {
    this.name = name;
    this.id = id;
    this.parentId = parent.id;
    this.startTime = startTime;
    this.linkedIds = links.map(({ context }) => context.spanId);
    this.recording = parent.recording;
    Object.assign(this.attributes, attributes);
  }

  spanContext(): SpanContext {
    return { traceId: 't', spanId: this.id, traceFlags: 1 };
  }

  setAttribute(name: string, value: AttributeValue): this {
    this.attributes[name] = value;
    return this;
  }

  setAttributes(attributes: Attributes): this {
    Object.assign(this.attributes, attributes);
    return this;
  }

  setStatus(status: SpanStatus): this {
    this.status = status;
    return this;
  }

  end(endTime?: TimeInput): void {
    this.endTime = endTime;
  }

  isRecording(): boolean {
    return this.recording;
  }

  addEvent = (): this => this;
  addLink = (): this => this;
  addLinks = (): this => this;
  updateName = (): this => this;
  recordException = (): void => undefined;
}

/** Makes spans named s1, s2 and so on, which are recorded unless said otherwise. */
export class FakeTracer implements Tracer {
  readonly spans: FakeSpan[] = [];
  recording = true;

  startSpan(name: string, options: SpanOptions = {}, context?: Context): FakeSpan {
    const id = context === undefined ? undefined : trace.getSpanContext(context)?.spanId;
    const span = new FakeSpan(name, `s${this.spans.length + 1}`, options, { id, recording: this.recording });
    this.spans.push(span);
    return span;
  }

  startActiveSpan(): never {
    throw new Error('no span is made active');
  }
}
