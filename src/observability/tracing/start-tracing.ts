import {
  context,
  propagation,
  ProxyTracerProvider,
  ROOT_CONTEXT,
  trace,
  type Context,
  type TracerProvider,
} from '@opentelemetry/api';
import { watchBatches } from '../../inference/batch-channel.ts';
import type { Clock } from '../../util/clock.ts';
import { loadSdk, sender } from '../telemetry-sdk.ts';
import { CallTracer } from './call-tracer.ts';
import { chooseRoots, chosenSampler, type ReadHeader } from './root-choice.ts';

export interface TracingOptions {
  readonly version: string;
  readonly clock: Clock;
}

/** Spans of one thread, exported as the OTEL_* variables say. */
export interface Tracing extends AsyncDisposable {
  readonly calls: CallTracer;
  /** Whether a span is to be made for a call. */
  wants(header: ReadHeader): boolean;
  /** The context that came with a call, in any of the forms of OTEL_PROPAGATORS. */
  parentOf(header: ReadHeader): Context;
}

/**
 * Starts OpenTelemetry's SDK, which is installed apart, and listens to batches. Disposing it sends what is not sent yet.
 *
 * @throws ServingError failed_precondition when the SDK is not installed.
 */
export async function startTracing({ version, clock }: TracingOptions): Promise<Tracing> {
  const Sdk = await loadSdk('--trace');
  const contextHeaders: string[] = [];
  const choice = chooseRoots({
    sampler: process.env['OTEL_TRACES_SAMPLER'],
    argument: process.env['OTEL_TRACES_SAMPLER_ARG'],
    contextHeaders,
  });
  const sdk = new Sdk({
    ...sender(version),
    ...(choice === undefined ? {} : { sampler: chosenSampler }),
    metricReaders: [],
    logRecordProcessors: [],
  });
  const before = registeredProvider();
  sdk.start();
  contextHeaders.push(...propagation.fields().filter((name) => !besides.has(name)));
  const isOurs = registeredProvider() !== before;
  const calls = new CallTracer({ tracer: trace.getTracer('tensorgate', version), clock });
  const watch = watchBatches((run) => calls.addBatch(run));
  let ended: Promise<void> | undefined;
  const end = async (): Promise<void> => {
    watch[Symbol.dispose]();
    // A collector that is away is given up after OTEL_EXPORTER_OTLP_TIMEOUT, 10 s; timers of its retries would outlive less.
    await sdk.shutdown().catch(() => undefined);
    if (!isOurs) return;
    trace.disable();
    propagation.disable();
    context.disable();
  };
  return {
    calls,
    wants: (header) => choice?.wants(header) ?? true,
    parentOf: (header) => propagation.extract(ROOT_CONTEXT, header, headerGetter),
    [Symbol.asyncDispose]() {
      ended ??= end();
      return ended;
    },
  };
}

/** The SDK leaves a provider alone that an embedder has registered. */
function registeredProvider(): TracerProvider {
  const provider = trace.getTracerProvider();
  return provider instanceof ProxyTracerProvider ? provider.getDelegate() : provider;
}

/** Headers that say nothing without `traceparent`. */
const besides: ReadonlySet<string> = new Set(['tracestate', 'baggage']);

const headerGetter = {
  get: (header: ReadHeader, name: string): string | undefined => header(name.toLowerCase()),
  keys: (): string[] => [],
};
