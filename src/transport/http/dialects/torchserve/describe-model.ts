import type { ModelCatalog } from '../../../../inference/catalog.ts';
import type { Handler, PathNames } from '../../http-call.ts';
import { jsonReply } from '../../reply.ts';
import { instancesOf } from './instances.ts';
import { refuseTorchserve } from './refuse-torchserve.ts';
import { versionAsWritten } from './version-as-written.ts';
import type { DialectServices } from '../dialect-services.ts';

/** What descriptions are made of. */
type Described = Pick<DialectServices, 'catalog'>;

const defaultLimit = 100;
const wholeNumber = /^\d{1,9}$/;

/** `GET /models` */
export function createList(services: DialectServices): Handler {
  return ({ query }) => jsonReply(listModels(services, new URLSearchParams(query)));
}

/** Names of the models that are ready, in pages. @throws invalid_argument for what is no page. */
export function listModels({ catalog }: Described, parameters: URLSearchParams): object {
  const limit = pageNumber(parameters, 'limit', defaultLimit);
  const from = pageNumber(parameters, 'next_page_token', 0);
  const names = [...new Set(catalog.index(true).map(({ name }) => name))];
  const models = names.slice(from, from + limit).map((name) => ({ modelName: name, modelUrl: name }));
  const next = from + models.length;
  return next < names.length ? { nextPageToken: String(next), models } : { models };
}

function pageNumber(parameters: URLSearchParams, name: string, absent: number): number {
  const text = parameters.get(name);
  if (text === null || text === '') return absent;
  const value = wholeNumber.test(text) ? Number(text) : -1;
  if (value < 0 || (name === 'limit' && value === 0))
    throw refuseTorchserve.parameter(name, 'a whole number');
  return value;
}

/** `GET /models/{model}` */
export function createDescribe(services: DialectServices, which: 'one' | 'all'): Handler {
  return ({ path }) => jsonReply(describeModel(services, path, which));
}

/** The newest version, one of them, or all. @throws not_found */
export function describeModel(
  { catalog }: Described,
  { model, label }: Pick<PathNames, 'model' | 'label'>,
  which: 'one' | 'all',
): object {
  const version = versionAsWritten(model, label);
  const { versions } = catalog.metadata(model, version);
  const asked = which === 'all' ? versions : versions.slice(-1);
  return asked.map((one) => describe(catalog, model, one));
}

/** What of TorchServe's description this server has too. */
function describe(catalog: ModelCatalog, model: string, version: string): object {
  const config = catalog.config(model, version);
  const instances = instancesOf(config);
  return {
    modelName: model,
    modelVersion: version,
    modelUrl: model,
    runtime: catalog.metadata(model, version).platform,
    minWorkers: instances,
    maxWorkers: instances,
    batchSize: Math.max(1, Number(config['max_batch_size'] ?? 0)),
    maxBatchDelay: queueDelayMs(config['dynamic_batching']),
    workers: Array.from({ length: instances }, (_, index) => ({ id: String(index), status: 'READY' })),
  };
}

function queueDelayMs(batching: unknown): number {
  const microseconds = new Map(Object.entries(new Object(batching))).get('max_queue_delay_microseconds');
  return typeof microseconds === 'number' ? microseconds / 1000 : 0;
}
