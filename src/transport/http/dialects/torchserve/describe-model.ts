import type { ModelCatalog } from '../../../../inference/catalog.ts';
import type { Handler } from '../../http-call.ts';
import { jsonReply } from '../../reply.ts';
import { instancesOf } from './instances.ts';
import { refuseTorchserve } from './refuse-torchserve.ts';
import { versionAsWritten } from './version-as-written.ts';
import type { DialectServices } from '../dialect-services.ts';

const defaultLimit = 100;
const wholeNumber = /^\d{1,9}$/;

/** `GET /models`: names of the models that are ready, in pages. */
export function createList({ catalog }: DialectServices): Handler {
  return ({ query }) => {
    const parameters = new URLSearchParams(query);
    const limit = pageNumber(parameters, 'limit', defaultLimit);
    const from = pageNumber(parameters, 'next_page_token', 0);
    const names = [...new Set(catalog.index(true).map(({ name }) => name))];
    const models = names.slice(from, from + limit).map((name) => ({ modelName: name, modelUrl: name }));
    const next = from + models.length;
    return jsonReply(next < names.length ? { nextPageToken: String(next), models } : { models });
  };
}

function pageNumber(parameters: URLSearchParams, name: string, absent: number): number {
  const text = parameters.get(name);
  if (text === null || text === '') return absent;
  const value = wholeNumber.test(text) ? Number(text) : -1;
  if (value < 0 || (name === 'limit' && value === 0))
    throw refuseTorchserve.parameter(name, 'a whole number');
  return value;
}

/** `GET /models/{model}`: the newest version, one of them, or all. */
export function createDescribe({ catalog }: DialectServices, which: 'one' | 'all'): Handler {
  return ({ path: { model, label } }) => {
    const version = versionAsWritten(model, label);
    const { versions } = catalog.metadata(model, version);
    const asked = which === 'all' ? versions : versions.slice(-1);
    return jsonReply(asked.map((one) => describe(catalog, model, one)));
  };
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
