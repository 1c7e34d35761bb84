import {
  defaultResource,
  envDetector,
  hostDetector,
  resourceFromAttributes,
  serviceInstanceIdDetector,
} from '@opentelemetry/resources';
import type { NodeSDK, NodeSDKConfiguration } from '@opentelemetry/sdk-node';
import { ServingError } from '../errors.ts';

/**
 * OpenTelemetry's SDK for Node, which is installed apart.
 *
 * @param what needs it.
 * @throws ServingError failed_precondition when it is not installed.
 */
export async function loadSdk(what: string): Promise<typeof NodeSDK> {
  try {
    return (await import('@opentelemetry/sdk-node')).NodeSDK;
  } catch (cause) {
    throw new ServingError(
      'failed_precondition',
      `${what} needs the package @opentelemetry/sdk-node: npm install @opentelemetry/sdk-node@0.301.0`,
      { cause },
    );
  }
}

/** Who sends, as the OTEL_* variables say, and else by this server's own name. */
export function sender(version: string): Partial<NodeSDKConfiguration> {
  const serviceName = process.env['OTEL_SERVICE_NAME'];
  return {
    resource: defaultResource().merge(
      resourceFromAttributes({ 'service.name': 'tensorgate', 'service.version': version }),
    ),
    // The one of processes would tell the command line, which may hold secrets.
    ...(process.env['OTEL_NODE_RESOURCE_DETECTORS'] === undefined
      ? { resourceDetectors: [serviceInstanceIdDetector, hostDetector, envDetector] }
      : {}),
    ...(serviceName === undefined ? {} : { serviceName }),
  };
}
