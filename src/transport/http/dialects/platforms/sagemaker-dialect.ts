import type { Dialect } from '../../dialect.ts';
import { reads, takes, type Endpoint, type Handler } from '../../http-call.ts';
import { emptyReply, jsonReply } from '../../reply.ts';
import { errorReply } from '../../status.ts';
import { readyModels } from '../default-model.ts';
import type { DialectServices } from '../dialect-services.ts';
import { createModelEndpoints } from './sagemaker-models.ts';
import { createScore } from '../scoring/score.ts';

const attributesHeader = 'X-Amzn-SageMaker-Custom-Attributes';

/** Printable US-ASCII, as the platform takes it. */
const attributesForm = /^[\x20-\x7e]{1,1024}$/;

/** Records that a batch transform job sends at a time: times the megabytes at most 100, which is the platform's rule. */
const maxConcurrentTransforms = 16;
const maxPayloadMegabytes = 6;

/** What Amazon SageMaker asks of a container with one model, or with many that it loads itself. */
export function createSagemakerDialect(services: DialectServices): Dialect {
  const { catalog, maxBodyBytes, sagemakerModels } = services;
  const multiModel = sagemakerModels !== '';
  const endpoints = new Map<string, Endpoint>([
    [
      '/ping',
      // A container of many models is well before the first of them is loaded.
      reads('none', () =>
        emptyReply(multiModel || (readyModels(catalog).length > 0 && catalog.ready()) ? 200 : 503),
      ),
    ],
    ['/invocations', takes('infer', withAttributes(createScore(services)))],
    [
      '/execution-parameters',
      reads('none', () =>
        jsonReply({
          MaxConcurrentTransforms: maxConcurrentTransforms,
          BatchStrategy: 'MULTI_RECORD',
          MaxPayloadInMB: Math.max(1, Math.min(maxPayloadMegabytes, maxBodyBytes >> 20)),
        }),
      ),
    ],
  ]);
  if (multiModel) {
    for (const [path, endpoint] of createModelEndpoints(services, withAttributes))
      endpoints.set(path, endpoint);
  }
  return {
    endpoints,
    errorReply,
    describe: async () => (await import('./platform-parts.ts')).sagemakerPart(multiModel ? 'many' : 'one'),
  };
}

/** Attributes that the client sends for the container come back with the reply. */
function withAttributes(handler: Handler): Handler {
  return async (call) => {
    const reply = await handler(call);
    const attributes = call.header(attributesHeader.toLowerCase());
    if (attributes === undefined || !attributesForm.test(attributes)) return reply;
    return { ...reply, headers: [...reply.headers, attributesHeader, attributes] };
  };
}
