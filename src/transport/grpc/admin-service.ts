import { ServingError } from '../../errors.ts';
import type { IndexEntry, LoadOverrides } from '../../inference/catalog.ts';
import { printable } from '../../util/printable.ts';
import type { AdminSources } from './admin-sources.ts';
import { modelVersionStatus, serverStatus } from './admin-status.ts';
import type { GrpcCall, GrpcMethod } from './method.ts';
import { loadService, type Message } from './proto.ts';

type Handle = (request: Message, call: GrpcCall) => object | Promise<object>;

const logLevels: readonly string[] = ['debug', 'info', 'warn', 'error', 'silent'];

/** `tensorgate.admin.v1.Admin` for the listener of `--admin-address`. Every method needs the scope admin. */
export function createAdminMethods(sources: AdminSources): GrpcMethod[] {
  const service = loadService('tensorgate/admin/v1/admin.proto', 'tensorgate.admin.v1.Admin');
  const unary = (rpc: string, handle: Handle): GrpcMethod => {
    const method = service.method(rpc);
    return {
      kind: 'unary',
      path: method.path,
      scope: 'admin',
      handle: async (message, call) => method.encode(await handle(method.decode(message), call)),
    };
  };
  return [
    unary('ListModels', (request) => ({ models: sources.catalog.index(request['ready_only'] === true) })),
    unary('LoadModel', (request, call) => loadModel(sources, request, call)),
    unary('UnloadModel', (request, call) => unloadModel(sources, request, call)),
    unary('ModelStatus', (request) => modelStatus(sources, request)),
    unary('PurgeCache', (request, call) => purgeCache(sources, request, call)),
    unary('ServerStatus', async () =>
      serverStatus(sources.server(), sources.catalog.ready(), await sources.exporters()),
    ),
    unary('UpdateSettings', (request, call) => updateSettings(sources, request, call)),
    unary('Drain', (_request, call) => {
      audit(sources, call, 'drain', {});
      sources.drain();
      return {};
    }),
  ];
}

async function loadModel(sources: AdminSources, request: Message, call: GrpcCall): Promise<object> {
  const model = modelName(request);
  const overrides = loadOverrides(request);
  audit(sources, call, 'load', { model, files: overrides.files.size });
  await sources.control.load(model, overrides);
  const versions: readonly IndexEntry[] = sources.catalog.index(false).filter(({ name }) => name === model);
  return { versions };
}

async function unloadModel(sources: AdminSources, request: Message, call: GrpcCall): Promise<object> {
  const model = modelName(request);
  audit(sources, call, 'unload', { model });
  await sources.control.unload(model, request['unload_dependents'] === true);
  return {};
}

async function purgeCache(sources: AdminSources, request: Message, call: GrpcCall): Promise<object> {
  const model = word(request['name']);
  if (model !== '' && !sources.catalog.index(false).some(({ name }) => name === model)) {
    throw new ServingError('not_found', `Request for unknown model: '${printable(model)}' is not found`, {
      reason: 'MODEL_NOT_FOUND',
    });
  }
  audit(sources, call, 'purge cache', { model });
  return { answers: await sources.purge(model) };
}

async function modelStatus(sources: AdminSources, request: Message): Promise<object> {
  const snapshots = sources.catalog.statistics(word(request['name']), word(request['version']));
  const readings = await sources.batching();
  return {
    versions: snapshots.map((snapshot) => {
      const own = readings.find(
        ({ model, version }) => model === snapshot.name && version === snapshot.version,
      );
      return modelVersionStatus(snapshot, own);
    }),
  };
}

function updateSettings(sources: AdminSources, request: Message, call: GrpcCall): object {
  const level = request['log_level'];
  // An optional field that was left out has no entry under `_log_level`.
  if (request['_log_level'] !== undefined && typeof level === 'string') {
    if (!logLevels.includes(level)) {
      throw new ServingError('invalid_argument', `log_level must be one of ${logLevels.join(', ')}`, {
        reason: 'INVALID_SETTING',
      });
    }
    audit(sources, call, 'set log level', { level });
    sources.log.level = level;
  }
  return { log_level: sources.log.level };
}

function loadOverrides(request: Message): LoadOverrides {
  const config = word(request['config']);
  const files = new Map<string, Uint8Array>();
  const sent = request['files'];
  if (typeof sent === 'object' && sent !== null) {
    for (const [path, content] of Object.entries(sent)) {
      if (content instanceof Uint8Array) files.set(path, content);
    }
  }
  return { config: config === '' ? undefined : config, files };
}

function modelName(request: Message): string {
  const name = word(request['name']);
  if (name === '')
    throw new ServingError('invalid_argument', 'name must not be empty', { reason: 'MODEL_NAME' });
  return name;
}

function word(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function audit({ logger }: AdminSources, call: GrpcCall, action: string, fields: object): void {
  const principal = call.context.principal.name;
  logger.info({ ...fields, principal, peer: call.peer }, `admin: ${action}`);
}
