import type { ModelControl, ModelCatalog } from '../../../../inference/catalog.ts';
import { requireControl } from '../../../../inference/protocol-rules.ts';
import { printable } from '../../../../util/printable.ts';
import type { Handler, PathNames } from '../../http-call.ts';
import { jsonReply, type HttpReply } from '../../reply.ts';
import type { DialectServices } from '../dialect-services.ts';
import { instancesOf, withInstances } from './instances.ts';
import { refuseTorchserve } from './refuse-torchserve.ts';
import { versionAsWritten } from './version-as-written.ts';

/** More instances than a model may have. */
const mostWorkers = 64;
const noFiles: ReadonlyMap<string, Uint8Array> = new Map();

type Managed = Pick<DialectServices, 'catalog' | 'control'>;

/** `POST /models?url=` */
export function createRegister(services: DialectServices): Handler {
  return async ({ query }) => status(await registerModel(services, new URLSearchParams(query)));
}

/** Loads a model of the repository. @returns what was done, when it serves. */
export async function registerModel(
  { catalog, control }: Managed,
  parameters: URLSearchParams,
): Promise<string> {
  checkNames(parameters, ['url', 'model_name', 'initial_workers', 'synchronous']);
  const model = parameters.get('url') ?? '';
  if (model === '' || (parameters.get('model_name') ?? model) !== model) throw refuseTorchserve.url();
  const workers = readWorkers(parameters, 'initial_workers', 0);
  const allowed = requireControl(control);
  if (isLoaded(catalog, model)) throw refuseTorchserve.registered(model);
  await allowed.load(model, { config: undefined, files: noFiles });
  if (workers > 0) await scale(catalog, allowed, model, workers);
  const version = catalog.metadata(model, '').versions.at(-1) ?? '';
  const count = instancesOf(catalog.config(model, ''));
  return `Model "${printable(model)}" Version: ${version} registered with ${count} initial workers`;
}

/** `PUT /models/{model}?min_worker=` */
export function createScale(services: DialectServices): Handler {
  return async ({ path: { model }, query }) =>
    status(await scaleModel(services, model, new URLSearchParams(query)));
}

/** Loads it with another number of instances; the ones before serve meanwhile. @returns what was done. */
export async function scaleModel(
  { catalog, control }: Managed,
  model: string,
  parameters: URLSearchParams,
): Promise<string> {
  checkNames(parameters, ['min_worker', 'max_worker', 'synchronous']);
  const workers = readWorkers(parameters, 'min_worker', 1);
  if (workers === 0)
    throw refuseTorchserve.parameter('min_worker', `1 to ${mostWorkers}; DELETE takes a model away`);
  const most = readWorkers(parameters, 'max_worker', workers);
  if (most < workers) throw refuseTorchserve.parameter('max_worker', 'no fewer than min_worker');
  await scale(catalog, requireControl(control), model, workers);
  return `Workers scaled to ${workers} for model: ${printable(model)}`;
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

/** `DELETE /models/{model}` */
export function createUnregister(services: DialectServices): Handler {
  return async ({ path }) => status(await unregisterModel(services, path));
}

/** Unloads it. With a version only where it has no other. @returns what was done. */
export async function unregisterModel(
  { catalog, control }: Managed,
  { model, label }: Pick<PathNames, 'model' | 'label'>,
): Promise<string> {
  const version = versionAsWritten(model, label);
  const allowed = requireControl(control);
  if (!isLoaded(catalog, model)) throw refuseTorchserve.noModel(model);
  if (version !== '') {
    const { versions } = catalog.metadata(model, '');
    if (!versions.includes(version)) throw refuseTorchserve.version(model, version);
    if (versions.length > 1) throw refuseTorchserve.severalVersions(model);
  }
  await allowed.unload(model, false);
  return `Model "${printable(model)}" unregistered`;
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
function checkNames(parameters: URLSearchParams, known: readonly string[]): void {
  for (const name of parameters.keys()) {
    if (!known.includes(name)) throw refuseTorchserve.unknownParameter(name, known.join(', '));
  }
}

function readWorkers(parameters: URLSearchParams, name: string, absent: number): number {
  const text = parameters.get(name);
  if (text === null) return absent;
  const workers = /^\d{1,4}$/.test(text) ? Number(text) : Infinity;
  if (workers > mostWorkers)
    throw refuseTorchserve.parameter(name, `a whole number of at most ${mostWorkers}`);
  return workers;
}
