import type { ModelControl, ModelCatalog } from '../../../../inference/catalog.ts';
import { requireControl } from '../../../../inference/protocol-rules.ts';
import { printable } from '../../../../util/printable.ts';
import type { Handler } from '../../http-call.ts';
import { jsonReply, type HttpReply } from '../../reply.ts';
import type { DialectServices } from '../dialect-services.ts';
import { instancesOf, withInstances } from './instances.ts';
import { refuseTorchserve } from './refuse-torchserve.ts';
import { versionAsWritten } from './version-as-written.ts';

/** More instances than a model may have. */
const mostWorkers = 64;
const noFiles: ReadonlyMap<string, Uint8Array> = new Map();

/** `POST /models?url=`: loads a model of the repository. Answered when it serves. */
export function createRegister({ catalog, control }: DialectServices): Handler {
  return async ({ query }) => {
    const parameters = readQuery(query, ['url', 'model_name', 'initial_workers', 'synchronous']);
    const model = parameters.get('url') ?? '';
    if (model === '' || (parameters.get('model_name') ?? model) !== model) throw refuseTorchserve.url();
    const workers = readWorkers(parameters, 'initial_workers', 0);
    const allowed = requireControl(control);
    if (isLoaded(catalog, model)) throw refuseTorchserve.registered(model);
    await allowed.load(model, { config: undefined, files: noFiles });
    if (workers > 0) await scale(catalog, allowed, model, workers);
    const version = catalog.metadata(model, '').versions.at(-1) ?? '';
    const count = instancesOf(catalog.config(model, ''));
    return status(`Model "${printable(model)}" Version: ${version} registered with ${count} initial workers`);
  };
}

/** `PUT /models/{model}?min_worker=`: loads it with another number of instances; the ones before serve meanwhile. */
export function createScale({ catalog, control }: DialectServices): Handler {
  return async ({ path: { model }, query }) => {
    const parameters = readQuery(query, ['min_worker', 'max_worker', 'synchronous']);
    const workers = readWorkers(parameters, 'min_worker', 1);
    if (workers === 0)
      throw refuseTorchserve.parameter('min_worker', `1 to ${mostWorkers}; DELETE takes a model away`);
    const most = readWorkers(parameters, 'max_worker', workers);
    if (most < workers) throw refuseTorchserve.parameter('max_worker', 'no fewer than min_worker');
    await scale(catalog, requireControl(control), model, workers);
    return status(`Workers scaled to ${workers} for model: ${printable(model)}`);
  };
}

async function scale(
  catalog: ModelCatalog,
  control: ModelControl,
  model: string,
  workers: number,
): Promise<void> {
  const before = catalog.config(model, '');
  const config = withInstances(model, before, workers);
  if (instancesOf(before) !== workers) await control.load(model, { config, files: noFiles });
}

/** `DELETE /models/{model}`: unloads it. With a version only where it has no other. */
export function createUnregister({ catalog, control }: DialectServices): Handler {
  return async ({ path: { model, label } }) => {
    const version = versionAsWritten(model, label);
    const allowed = requireControl(control);
    if (!isLoaded(catalog, model)) throw refuseTorchserve.noModel(model);
    if (version !== '') {
      const { versions } = catalog.metadata(model, '');
      if (!versions.includes(version)) throw refuseTorchserve.version(model, version);
      if (versions.length > 1) throw refuseTorchserve.severalVersions(model);
    }
    await allowed.unload(model, false);
    return status(`Model "${printable(model)}" unregistered`);
  };
}

function isLoaded(catalog: ModelCatalog, model: string): boolean {
  return catalog
    .index(false)
    .some(({ name, state }) => name === model && (state === 'READY' || state === 'LOADING'));
}

function status(text: string): HttpReply {
  return jsonReply({ status: text });
}

/** @throws invalid_argument for what this server would have to pass over. */
function readQuery(query: string, known: readonly string[]): URLSearchParams {
  const parameters = new URLSearchParams(query);
  for (const name of parameters.keys()) {
    if (!known.includes(name)) throw refuseTorchserve.unknownParameter(name, known.join(', '));
  }
  return parameters;
}

function readWorkers(parameters: URLSearchParams, name: string, absent: number): number {
  const text = parameters.get(name);
  if (text === null) return absent;
  const workers = /^\d{1,4}$/.test(text) ? Number(text) : Infinity;
  if (workers > mostWorkers)
    throw refuseTorchserve.parameter(name, `a whole number of at most ${mostWorkers}`);
  return workers;
}
