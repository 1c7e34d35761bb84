import type { Dialect } from '../../dialect.ts';
import { reads, takes, type Endpoint } from '../../http-call.ts';
import type { HttpReply } from '../../reply.ts';
import { readyModels } from '../default-model.ts';
import type { DialectServices } from '../dialect-services.ts';
import { createInvocations } from './invocations.ts';
import { mlflowErrorReply } from './mlflow-error.ts';

/** The scoring server of `mlflow models serve`. */
export function createMlflowDialect(services: DialectServices): Dialect {
  const { catalog, serverVersion } = services;
  const ping = reads('none', () => {
    const ready = readyModels(catalog).length > 0 && catalog.ready();
    return textReply('\n', ready ? 200 : 404);
  });
  const endpoints = new Map<string, Endpoint>([
    ['/ping', ping],
    ['/health', ping],
    ['/version', reads('none', () => textReply(serverVersion, 200))],
    ['/invocations', takes('infer', createInvocations(services))],
  ]);
  return {
    endpoints,
    errorReply: mlflowErrorReply,
    describe: async () => (await import('./mlflow-part.ts')).mlflowPart,
  };
}

/** Texts that MLflow sends as JSON. */
function textReply(text: string, status: number): HttpReply {
  return {
    status,
    contentType: 'application/json',
    headers: [],
    pieces: [Buffer.from(text)],
    compressible: false,
  };
}
