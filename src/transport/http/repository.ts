import type { IndexEntry, LoadOverrides, ModelCatalog, ModelControl } from '../../inference/catalog.ts';
import { namedRepository, requireControl } from '../../inference/protocol-rules.ts';
import { takes, type Endpoint, type HttpCall } from './http-call.ts';
import { parseJson, type JsonObject, type JsonValue } from './json-reader.ts';
import { refuse } from './refuse.ts';
import { emptyReply, jsonReply } from './reply.ts';

/** The repository's index, loading and unloading. Without `control` the last two are refused. */
export function createRepositoryEndpoints(
  catalog: ModelCatalog,
  control: ModelControl | undefined,
): readonly (readonly [string, Endpoint])[] {
  return [
    [
      'repository/index',
      takes('infer', (call) => {
        refuseRepository(call);
        const readyOnly = bodyObject(call.body).get('ready') ?? false;
        if (typeof readyOnly !== 'boolean') throw refuse.field('ready', 'true or false');
        return jsonReply(catalog.index(readyOnly).map(indexLine));
      }),
    ],
    [
      'repository/models/{model}/load',
      takes('admin', async (call) => {
        refuseRepository(call);
        await requireControl(control).load(call.path.model, readOverrides(call.body));
        return emptyReply();
      }),
    ],
    [
      'repository/models/{model}/unload',
      takes('admin', async (call) => {
        refuseRepository(call);
        await requireControl(control).unload(call.path.model, readUnloadDependents(call.body));
        return emptyReply();
      }),
    ],
  ];
}

function refuseRepository({ path }: HttpCall): void {
  if (path.repository !== '') throw namedRepository();
}

/** A model that was never loaded has only its name. */
function indexLine({ name, version, state, reason }: IndexEntry): object {
  return state === '' ? { name } : { name, version, state, reason };
}

const noFields: JsonObject = new Map<string, JsonValue>();

/** These requests may come without a body. */
export function bodyObject(body: Buffer): JsonObject {
  if (body.length === 0) return noFields;
  const value = parseJson(body);
  if (!isJsonObject(value)) throw refuse.json('not an object', 0);
  return value;
}

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return value instanceof Map;
}

function parametersOf(body: Buffer): JsonObject {
  const parameters = bodyObject(body).get('parameters') ?? noFields;
  if (!isJsonObject(parameters)) throw refuse.field('parameters', 'an object');
  return parameters;
}

const filePrefix = 'file:';

function readOverrides(body: Buffer): LoadOverrides {
  let config: string | undefined;
  const files = new Map<string, Uint8Array>();
  for (const [name, value] of parametersOf(body)) {
    if (name === 'config' && typeof value === 'string') config = value;
    else if (name.startsWith(filePrefix) && typeof value === 'string') {
      files.set(name.slice(filePrefix.length), decodeBase64(name, value));
    } else throw refuse.parameter(name, "'config' and 'file:<path>' only, both as strings");
  }
  return { config, files };
}

/** Buffer.from passes over what is no base64; a file that was damaged on its way must not be loaded. */
function decodeBase64(name: string, text: string): Buffer {
  const bytes = Buffer.from(text, 'base64');
  const characters = text.replace(/[\r\n]/g, '').replace(/=+$/, '').length;
  if (Math.floor((characters * 3) / 4) !== bytes.length) throw refuse.parameter(name, 'base64');
  return bytes;
}

function readUnloadDependents(body: Buffer): boolean {
  let unloadDependents = false;
  for (const [name, value] of parametersOf(body)) {
    if (name !== 'unload_dependents' || typeof value !== 'boolean') {
      throw refuse.parameter(name, "'unload_dependents' only, as true or false");
    }
    unloadDependents = value;
  }
  return unloadDependents;
}
