import { context, propagation, ProxyTracerProvider, trace, type TracerProvider } from '@opentelemetry/api';
import { watchBatches } from '../../inference/batch-channel.ts';
import type { CallContext, CallTrace } from '../../inference/call-context.ts';
import type { ExporterReading } from '../../inference/exporter-breaker.ts';
import type { Exemplar } from '../../inference/exemplar.ts';
import type { Logger } from '../../inference/logger.ts';
import type { Clock } from '../../util/clock.ts';
import { loadSdk, sender } from '../telemetry-sdk.ts';
import { ExemplarStore } from './exemplar-store.ts';
import type { CallOutcome } from './call-outcome.ts';
import { RecordedCalls, type RecordedCall } from './recorded-calls.ts';
import { chooseRootsByEnvironment } from './root-choice.ts';
import type { SpanEvent } from './span-events.ts';
import { SpanReplay } from './span-replay.ts';
import { SpanThread } from './span-thread.ts';

export interface TracingOptions {
  readonly version: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Spans of one thread, exported as the OTEL_* variables say. */
export interface Tracing extends AsyncDisposable {
  /** Whether a call is to be recorded from its beginning. One that is not is still kept when it is slow or fails. */
  wants(call: CallContext, named: CallTrace): boolean;
  begin(call: CallContext, named: CallTrace): RecordedCall;
  end(recorded: RecordedCall, outcome: CallOutcome): void;
  /** A call failed that may not be recorded. */
  failed(call: CallContext, outcome: CallOutcome): void;
  /** The last recorded answer of each bucket of latencies. */
  exemplars(): readonly Exemplar[];
  /** None where an embedder's provider exports. */
  exporters(): readonly ExporterReading[];
}

/**
 * Starts OpenTelemetry's SDK, which is installed apart, and listens to batches. Disposing it sends what is not sent yet.
 *
 * @throws ServingError failed_precondition when the SDK is not installed.
 */
export async function startTracing(options: TracingOptions): Promise<Tracing> {
  const exemplars = new ExemplarStore();
  const onExemplar = (exemplar: Exemplar): void => exemplars.add(exemplar);
  const maker = hasProvider()
    ? await makeHere(options, onExemplar)
    : await SpanThread.start({ ...options, onExemplar });
  const contextHeaders = maker.headers.filter((name) => !besides.has(name));
  const choice = chooseRootsByEnvironment(contextHeaders);
  const calls = new RecordedCalls({
    clock: options.clock,
    headers: maker.headers,
    choice,
    tell: (event) => maker.take(event),
  });
  const watch = watchBatches((run) => calls.addBatch(run));
  let ended: Promise<void> | undefined;
  const end = async (): Promise<void> => {
    watch[Symbol.dispose]();
    await maker[Symbol.asyncDispose]();
  };
  return {
    wants: (call, named) => !maker.refusing && calls.wants(call, named),
    begin: (call, named) => calls.begin(call, named),
    end: (recorded, outcome) => calls.end(recorded, outcome),
    failed(call, outcome) {
      if (!maker.refusing) calls.failed(call, outcome);
    },
    exporters: () => maker.exporters(),
    exemplars: () => exemplars.all(),
    [Symbol.asyncDispose]() {
      ended ??= end();
      return ended;
    },
  };
}

/** Makes spans of what happens to recorded calls. */
interface SpanMaker extends AsyncDisposable {
  /** Names of the headers that carry contexts, in lower case. */
  readonly headers: readonly string[];
  /** Spans would not be taken now. */
  readonly refusing: boolean;
  exporters(): readonly ExporterReading[];
  take(event: SpanEvent): void;
}

/** Whether an embedder has a provider of its own, which is to receive the spans. */
function hasProvider(): boolean {
  const provider: TracerProvider = trace.getTracerProvider();
  if (!(provider instanceof ProxyTracerProvider)) return true;
  return provider.getDelegate() !== new ProxyTracerProvider().getDelegate();
}

/** On this thread, through the embedder's provider; the SDK only reads the contexts of callers. */
async function makeHere(
  { version }: TracingOptions,
  onExemplar: (exemplar: Exemplar) => void,
): Promise<SpanMaker> {
  const Sdk = await loadSdk('--trace');
  const ours = propagation.fields().length === 0;
  const sdk = new Sdk({ ...sender(version), spanProcessors: [], metricReaders: [], logRecordProcessors: [] });
  sdk.start();
  const headers = propagation.fields().map((name) => name.toLowerCase());
  const replay = new SpanReplay(trace.getTracer('tensorgate', version), headers, onExemplar);
  return {
    headers,
    refusing: false,
    exporters: () => [],
    take: (event) => replay.take(event),
    async [Symbol.asyncDispose]() {
      await sdk.shutdown().catch(() => undefined);
      if (!ours) return;
      propagation.disable();
      context.disable();
    },
  };
}

/** Headers that say nothing without `traceparent`. */
const besides: ReadonlySet<string> = new Set(['tracestate', 'baggage']);
