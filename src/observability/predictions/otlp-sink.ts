import { logs, SeverityNumber, type Logger } from '@opentelemetry/api';
import { loggingErrorHandler, setGlobalErrorHandler } from '@opentelemetry/core';
import { ServingError } from '../../errors.ts';
import { loadSdk, sender } from '../telemetry-sdk.ts';
import type { PredictionSink, WrittenRecord } from './sink.ts';

/** As many as the SDK sends at once; its queue, OTEL_BLRP_MAX_QUEUE_SIZE, drops what is more than it holds. */
const recordsPerFlush = 512;

/** Tracing's own, which may be started beside this. The SDK takes null for none, but does not say so of the first. */
const withoutContexts: object = { contextManager: null, textMapPropagator: null };

/**
 * Log records in OpenTelemetry's form, exported as the OTEL_* variables say: OTEL_LOGS_EXPORTER, OTEL_EXPORTER_OTLP_LOGS_* and
 * OTEL_BLRP_*. At least once: what the collector does not take is written again.
 *
 * @throws ServingError failed_precondition when the SDK is not installed.
 */
export async function openOtlpSink(version: string): Promise<PredictionSink> {
  const Sdk = await loadSdk('otlp of the prediction log');
  const sdk = new Sdk({
    ...sender(version),
    spanProcessors: [],
    metricReaders: [],
    ...withoutContexts,
  });
  sdk.start();
  const logger = logs.getLogger('tensorgate', version);
  const provider: unknown = logs.getLoggerProvider();
  /** The first of this write. */
  const failures: ServingError[] = [];
  const logFailure = loggingErrorHandler();
  // The SDK tells nobody else of a batch that could not be sent.
  setGlobalErrorHandler((error) => {
    failures[0] ??= new ServingError('unavailable', 'the collector does not take records', { cause: error });
    logFailure(error);
  });
  return {
    name: 'otlp',
    async write(records) {
      failures.length = 0;
      for (let from = 0; from < records.length; from += recordsPerFlush) {
        for (const written of records.slice(from, from + recordsPerFlush)) emit(logger, written);
        if (canFlush(provider)) await provider.forceFlush();
        const [failure] = failures;
        if (failure !== undefined) throw failure;
      }
    },
    prune: () => Promise.resolve(),
    async close() {
      // A collector that is away is given up after OTEL_EXPORTER_OTLP_TIMEOUT, 10 s.
      await sdk.shutdown().catch(() => undefined);
      setGlobalErrorHandler(logFailure);
      logs.disable();
    },
  };
}

function emit(logger: Logger, { record }: WrittenRecord): void {
  const { time, ...body } = record;
  const { model, version } = record;
  logger.emit({
    eventName: 'tensorgate.prediction',
    timestamp: Date.parse(time),
    severityNumber: SeverityNumber.INFO,
    body,
    attributes: { 'tensorgate.model': model, 'tensorgate.version': version },
  });
}

/** That of the SDK can; with OTEL_LOGS_EXPORTER=none there is none. */
function canFlush(provider: unknown): provider is { forceFlush(): Promise<void> } {
  return typeof provider === 'object' && provider !== null && 'forceFlush' in provider;
}
