import type { Dialect } from '../../dialect.ts';
import { reads, takes, type Endpoint } from '../../http-call.ts';
import { jsonReply } from '../../reply.ts';
import { errorReply } from '../../status.ts';
import { readyModels } from '../default-model.ts';
import type { DialectServices } from '../dialect-services.ts';
import { createScore } from '../scoring/score.ts';

/** What Google Vertex AI asks of a container: a route for predictions and one for health, both chosen by the platform. */
export function createVertexDialect(services: DialectServices): Dialect {
  const { catalog, predictRoute, healthRoute } = services;
  const endpoints = new Map<string, Endpoint>([
    [
      healthRoute,
      reads('none', () => {
        const ready = readyModels(catalog).length > 0 && catalog.ready();
        return jsonReply({ ready }, ready ? 200 : 503);
      }),
    ],
    [predictRoute, takes('infer', createScore(services))],
  ]);
  return {
    endpoints,
    errorReply,
    describe: async () => (await import('./platform-parts.ts')).vertexPart(predictRoute, healthRoute),
  };
}
