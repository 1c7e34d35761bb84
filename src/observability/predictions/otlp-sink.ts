import { logs, SeverityNumber } from '@opentelemetry/api';
import { loadSdk, sender } from '../telemetry-sdk.ts';
import type { PredictionSink } from './sink.ts';

/** Tracing's own, which may be started beside this. The SDK takes null for none, but does not say so of the first. */
const withoutContexts: object = { contextManager: null, textMapPropagator: null };

/**
 * Log records in OpenTelemetry's form, exported as the OTEL_* variables say: OTEL_LOGS_EXPORTER, OTEL_EXPORTER_OTLP_LOGS_* and
 * OTEL_BLRP_*. The SDK keeps what waits to be sent, and drops what is too much.
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
  return {
    name: 'otlp',
    write(records) {
      for (const { record } of records) {
        const { time, ...body } = record;
        const { model, version: modelVersion } = record;
        logger.emit({
          eventName: 'tensorgate.prediction',
          timestamp: Date.parse(time),
          severityNumber: SeverityNumber.INFO,
          body,
          attributes: { 'tensorgate.model': model, 'tensorgate.version': modelVersion },
        });
      }
      return Promise.resolve();
    },
    prune: () => Promise.resolve(),
    async close() {
      // A collector that is away is given up after OTEL_EXPORTER_OTLP_TIMEOUT, 10 s.
      await sdk.shutdown().catch(() => undefined);
      logs.disable();
    },
  };
}
