import type { Dialect } from '../../dialect.ts';
import { reads, takes, type Endpoint, type Handler } from '../../http-call.ts';
import { readBody } from '../../large-json/large-json.ts';
import { jsonReply } from '../../reply.ts';
import type { DialectServices } from '../dialect-services.ts';
import { createDescribe, createList } from './describe-model.ts';
import { createRegister, createScale, createUnregister } from './manage-models.ts';
import { decodePrediction, mayHoldJson } from './prediction-request.ts';
import { encodePrediction } from './prediction-response.ts';
import { refuseTorchserve } from './refuse-torchserve.ts';
import { torchserveErrorReply } from './torchserve-error.ts';
import { versionAsWritten } from './version-as-written.ts';

/** TorchServe's inference and management interfaces, on one port. */
export function createTorchserveDialect(services: DialectServices): Dialect {
  const predict = takes('infer', createPredict(services));
  const unregister = createUnregister(services);
  const endpoints: readonly (readonly [string, Endpoint])[] = [
    ['/ping', reads('none', createPing(services))],
    ['/predictions/{model}', predict],
    ['/predictions/{model}/{label}', predict],
    ['/explanations/{model}', takes('infer', createExplain(services))],
    ['/models', manages({ get: createList(services), post: createRegister(services) })],
    [
      '/models/{model}',
      manages({ get: createDescribe(services, 'one'), put: createScale(services), delete: unregister }),
    ],
    ['/models/{model}/all', reads('infer', createDescribe(services, 'all'))],
    ['/models/{model}/{label}', manages({ get: createDescribe(services, 'one'), delete: unregister })],
  ];
  return {
    endpoints: new Map(endpoints),
    errorReply: torchserveErrorReply,
    describe: async () =>
      (await import('./torchserve-part.ts')).torchservePart(services.control !== undefined),
  };
}

interface Managing {
  readonly get: Handler;
  readonly post?: Handler;
  readonly put?: Handler;
  readonly delete?: Handler;
}

/** Whoever may ask a model may read what there is; changing it is for administrators. */
function manages({ get, post, put, delete: remove }: Managing): Endpoint {
  return { scope: 'infer', get, post, put, delete: remove, changeScope: 'admin' };
}

/** 500 and not 503 when it is not well, as in TorchServe. */
function createPing({ catalog }: DialectServices): Handler {
  return () => (catalog.ready() ? jsonReply({ status: 'Healthy' }) : jsonReply({ status: 'Unhealthy' }, 500));
}

/** Whether the model is there is told first, as for predictions. */
function createExplain({ catalog }: DialectServices): Handler {
  return ({ path: { model } }) => {
    catalog.metadata(model, '');
    throw refuseTorchserve.explanations(model);
  };
}

function createPredict({ infer, catalog, maxBodyBytes }: DialectServices): Handler {
  return async (call) => {
    const { model, label } = call.path;
    const version = versionAsWritten(model, label);
    const contentType = call.header('content-type') ?? '';
    const { request, batches } = await readBody(
      call,
      'torchserve',
      { model, version, bytes: call.body, contentType, maxBytes: maxBodyBytes },
      {
        read: (asked) => decodePrediction(asked, catalog),
        sizeBytes: mayHoldJson(contentType) ? call.body.length : 0,
      },
    );
    return encodePrediction(await infer(request, call.context), batches);
  };
}
