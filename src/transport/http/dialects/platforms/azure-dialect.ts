import type { Dialect } from '../../dialect.ts';
import { reads, takes, type Endpoint } from '../../http-call.ts';
import type { HttpReply } from '../../reply.ts';
import { errorReply } from '../../status.ts';
import { readyModels } from '../default-model.ts';
import type { DialectServices } from '../dialect-services.ts';
import { createScore } from '../scoring/score.ts';

/** Routes of Azure Machine Learning's own containers, which deployments name unless they say otherwise. */
export function createAzureDialect(services: DialectServices): Dialect {
  const { catalog } = services;
  const ready = reads('none', () =>
    readyModels(catalog).length > 0 && catalog.ready()
      ? textReply('Ready', 200)
      : textReply('Not ready', 503),
  );
  const endpoints = new Map<string, Endpoint>([
    ['/', reads('none', () => textReply('Healthy', 200))],
    ['/live', reads('none', () => textReply('Healthy', 200))],
    ['/ready', ready],
    ['/score', takes('infer', createScore(services))],
  ]);
  return {
    endpoints,
    errorReply,
    describe: async () => (await import('./platform-parts.ts')).azurePart,
  };
}

function textReply(text: string, status: number): HttpReply {
  return {
    status,
    contentType: 'text/plain; charset=utf-8',
    headers: [],
    pieces: [Buffer.from(text)],
    compressible: false,
  };
}
