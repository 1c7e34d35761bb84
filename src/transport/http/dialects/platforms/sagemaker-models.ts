import { ServingError } from '../../../../errors.ts';
import type { ModelCatalog } from '../../../../inference/catalog.ts';
import { requireControl } from '../../../../inference/protocol-rules.ts';
import { printable } from '../../../../util/printable.ts';
import type { Endpoint, Handler, HttpCall } from '../../http-call.ts';
import { parseJson } from '../../json-reader.ts';
import { refuse } from '../../refuse.ts';
import { emptyReply, jsonReply, type HttpReply } from '../../reply.ts';
import { readyModels } from '../default-model.ts';
import type { DialectServices } from '../dialect-services.ts';
import { createScore } from '../scoring/score.ts';

const conflict = 409;
const insufficientStorage = 507;

const modelsOnPage = 100;

/** SageMaker's contract of multi-model containers: it says where models lie, and which of them are to be loaded. */
export function createModelEndpoints(
  services: DialectServices,
  withAttributes: (handler: Handler) => Handler,
) {
  const { catalog } = services;
  const places = new Places(services.sagemakerModels);
  const invoke: Handler = (call) => createScore({ ...services, defaultModel: call.path.model })(call);
  const models: Endpoint = {
    scope: 'infer',
    changeScope: 'admin',
    get: (call) => list(catalog, places, call),
    post: (call) => load(services, places, call),
  };
  const model: Endpoint = {
    scope: 'infer',
    changeScope: 'admin',
    get: ({ path }) => {
      requireLoaded(catalog, path.model);
      return jsonReply(places.describe(path.model));
    },
    post: undefined,
    delete: async ({ path }) => {
      const control = requireControl(services.control);
      requireLoaded(catalog, path.model);
      await control.unload(path.model, false);
      return emptyReply();
    },
  };
  const invocations: Endpoint = { scope: 'infer', get: undefined, post: withAttributes(invoke) };
  return new Map([
    ['/models', models],
    ['/models/{model}', model],
    ['/models/{model}/invoke', invocations],
  ]);
}

/** Where models were loaded from, as this thread was told; the platform's own layout for what another thread loaded. */
class Places {
  readonly root: string;
  readonly #urls = new Map<string, string>();

  constructor(root: string) {
    this.root = root;
  }

  remember(model: string, url: string): void {
    this.#urls.set(model, url);
  }

  describe(model: string): { readonly modelName: string; readonly modelUrl: string } {
    return { modelName: model, modelUrl: this.#urls.get(model) ?? `${this.root}/${model}/model` };
  }
}

function list(catalog: ModelCatalog, places: Places, { query }: HttpCall): HttpReply {
  const token = new URLSearchParams(query).get('next_page_token') ?? '';
  if (!/^\d{0,9}$/.test(token)) throw refuse.field('next_page_token', 'a token of a page before');
  const names = readyModels(catalog);
  const from = Number(token);
  const models = names.slice(from, from + modelsOnPage).map((name) => places.describe(name));
  const next = from + models.length;
  return jsonReply(next < names.length ? { models, nextPageToken: String(next) } : { models });
}

async function load(
  { catalog, control }: DialectServices,
  places: Places,
  { body }: HttpCall,
): Promise<HttpReply> {
  const allowed = requireControl(control);
  const { model, url } = readLoad(body);
  if (isLoaded(catalog, model)) {
    return jsonReply({ error: `model '${printable(model)}' is loaded` }, conflict);
  }
  try {
    await allowed.load(model, { config: undefined, files: noFiles, place: { path: url, root: places.root } });
  } catch (error) {
    const { code, message } = ServingError.from(error);
    // ONNX Runtime says so only in words, which the load's error repeats.
    if (code !== 'resource_exhausted' && !message.includes('not enough memory')) throw error;
    return jsonReply({ error: message }, insufficientStorage);
  }
  places.remember(model, url);
  return emptyReply();
}

const noFiles: ReadonlyMap<string, Uint8Array> = new Map();

function readLoad(body: Buffer): { readonly model: string; readonly url: string } {
  const value = parseJson(body);
  const fields = value instanceof Map ? value : new Map();
  const [model, url] = [fields.get('model_name'), fields.get('url')];
  if (typeof model !== 'string' || model === '') throw refuse.field('model_name', 'a text');
  if (typeof url !== 'string' || url === '') throw refuse.field('url', 'a text');
  return { model, url };
}

function isLoaded(catalog: ModelCatalog, model: string): boolean {
  return catalog
    .index(false)
    .some(({ name, state }) => name === model && (state === 'READY' || state === 'LOADING'));
}

function requireLoaded(catalog: ModelCatalog, model: string): void {
  if (isLoaded(catalog, model)) return;
  throw new ServingError('not_found', `model '${printable(model)}' is not loaded`, {
    reason: 'MODEL_NOT_FOUND',
  });
}
