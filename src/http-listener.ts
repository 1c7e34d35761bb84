import { parseAddress } from './config/address.ts';
import type { Options } from './config/options.ts';
import { tlsFiles, type ListenContext } from './grpc-listeners.ts';
import type { TaskHub } from './tasks/open-task-hub.ts';
import type { RolloutAdmin } from './inference/rollout-admin.ts';
import { openTlsSource } from './transport/grpc/tls.ts';
import type { HttpLimits, HttpServer, HttpServerOptions } from './transport/http/http-server-options.ts';
import type { HttpFront as Front } from './transport/http/http-server.ts';
import type { createPages as CreatePages, PagedFront } from './transport/http/pages/create-pages.ts';

/** What the HTTP front serves; the same as the gRPC front. */
export type HttpFront = Pick<
  HttpServerOptions,
  | 'infer'
  | 'catalog'
  | 'control'
  | 'settings'
  | 'quality'
  | 'reportMetric'
  | 'sharedMemory'
  | 'serverName'
  | 'serverVersion'
  | 'extensions'
  | 'around'
> & {
  /** Where gRPC is; undefined when it is off, or not open yet. */
  readonly grpc: PagedFront['grpc'];
};

/** HTTP of one thread. */
export interface HttpListener extends Pick<HttpServer, 'drain'> {
  /** Bound address and port of its own; '' and 0 on the port of gRPC. */
  readonly address: string;
  readonly port: number;
  /** To be served on the port of gRPC; undefined when HTTP has a port of its own. */
  readonly guest: Front | undefined;
  /** After `drain`, and after the port of gRPC was drained. */
  [Symbol.dispose](): void;
}

/** The HTTP front and its listeners; undefined when HTTP is off, and then its code is not loaded. */
export async function listenHttp(
  options: Options,
  served: HttpFront,
  context: ListenContext,
): Promise<HttpListener | undefined> {
  const { http, models, server } = options;
  if (!http.enabled) return undefined;
  const { createHttpServer } = await import('./transport/http/http-server.ts');
  const { loadDialects } = await import('./transport/http/dialects/load-dialects.ts');
  const createDialects = await loadDialects(server.dialects);
  const createPages = await loadPages(http.docs);
  await using undo = new AsyncDisposableStack();
  const tasks = undo.use(await openTasks(options, context));
  const limits = {
    maxBodyBytes: http.maxInputBytes,
    maxHeldBytes: server.byteBudget,
    maxHeaderBytes: server.maxHeaderBytes,
  };
  const front = createHttpServer({
    ...served,
    authenticate: context.authenticate,
    clock: context.clock,
    corsOrigins: http.corsOrigins,
    onLimit: (peer, limit) =>
      context.logger.warn({ peer, limit }, 'HTTP/1.1 connection ended: its peer exceeded a limit'),
    createDialects: ({ maxBodyBytes }) => {
      const dialects = createDialects({
        ...served,
        maxBodyBytes,
        defaultModel: models.defaultModel ?? '',
        alone: server.ioThreads === 1,
        joinTasks: tasks?.join,
        clock: context.clock,
        predictRoute: http.predictRoute,
        healthRoute: http.healthRoute,
        sagemakerModels: http.sagemakerModels ?? '',
      });
      return (
        createPages?.({ ...served, clock: context.clock, dialects, abilities: abilitiesOf(served) }) ??
        dialects
      );
    },
    limits,
  });
  const servers: HttpServer[] = [];
  const drain = async (graceMs: number): Promise<void> => {
    await tasks?.[Symbol.asyncDispose]();
    await Promise.all([front.drain(graceMs), ...servers.map((own) => own.drain(graceMs))]);
  };
  try {
    for (const listen of wantedPorts(options)) {
      servers.push(await openPort(front, listen, { options, context, limits }));
    }
  } catch (error) {
    await drain(0);
    front[Symbol.dispose]();
    throw error;
  }
  undo.move();
  return {
    address: servers[0]?.address ?? '',
    port: servers[0]?.port ?? 0,
    guest: http.onGrpcPort ? front : undefined,
    drain,
    [Symbol.dispose]: () => front[Symbol.dispose](),
  };
}

/** Pages and the description of the front; their code is not loaded where they are off. */
async function loadPages(wanted: boolean): Promise<typeof CreatePages | undefined> {
  return wanted ? (await import('./transport/http/pages/create-pages.ts')).createPages : undefined;
}

function abilitiesOf({ control, settings, sharedMemory, quality }: HttpFront): PagedFront['abilities'] {
  return {
    controls: control !== undefined,
    changesSettings: settings.mayChange,
    sharesMemory: sharedMemory !== undefined,
    monitors: quality !== undefined,
  };
}

/** Tasks that servers share through Redis; undefined without one, and then its code is not loaded. */
async function openTasks(
  { tasks, server }: Options,
  { clock, logger }: ListenContext,
): Promise<TaskHub | undefined> {
  const { redisUrl: url, redisPasswordFile: passwordFile, redisPrefix: prefix } = tasks;
  const { redisMode: mode, redisSentinelName: sentinelName } = tasks;
  if (url === undefined || !server.dialects.includes('plain')) return undefined;
  const { openTaskHub } = await import('./tasks/open-task-hub.ts');
  return openTaskHub({ url, mode, sentinelName, passwordFile, prefix, clock, logger });
}

/** The REST form of administration, on `--admin-http-address`; undefined when that is off. */
export async function listenAdminHttp(
  options: Options,
  rollouts: RolloutAdmin,
  context: ListenContext,
): Promise<Pick<HttpServer, 'address' | 'drain'> | undefined> {
  if (options.admin.httpAddress === 'off') return undefined;
  const listen = parseAddress(options.admin.httpAddress);
  if (listen === undefined) throw new Error('bug: the admin address was not checked');
  const { createDialectServer } = await import('./transport/http/http-server.ts');
  const { createRolloutEndpoints } = await import('./transport/http/rollout-endpoints.ts');
  // Plans are small.
  const limits = { maxBodyBytes: 1 << 20 };
  const front = createDialectServer(
    { ...context, corsOrigins: [], limits },
    createRolloutEndpoints(rollouts),
  );
  const port = await openPort(front, { ...listen, reusePort: false }, { options, context, limits });
  return {
    address: port.address,
    async drain(graceMs) {
      await Promise.all([front.drain(graceMs), port.drain(graceMs)]);
      front[Symbol.dispose]();
    },
  };
}

type Listen = { host: string; port: number; reusePort: boolean } | { unixPath: string };

function wantedPorts({ http, server }: Options): readonly Listen[] {
  if (http.onGrpcPort) return [];
  const port = { host: http.address, port: http.port, reusePort: server.ioThreads > 1 };
  return http.unixSocket === undefined ? [port] : [port, { unixPath: http.unixSocket }];
}

interface PortParts {
  readonly options: Options;
  readonly context: ListenContext;
  readonly limits: Partial<HttpLimits>;
}

async function openPort(
  front: Front,
  listen: Listen,
  { options: { grpc, http }, context: { clock, logger }, limits }: PortParts,
): Promise<HttpServer> {
  const { listenHttp: open } = await import('./transport/http/h2-listen.ts');
  const files = tlsFiles(grpc.tls, http.tls);
  using undo = new DisposableStack();
  const tls = files && undo.use(await openTlsSource(files, clock, logger));
  const server = await open(front, { listen, tls, clock, logger, limits });
  undo.move();
  return {
    ...server,
    async drain(graceMs) {
      tls?.[Symbol.dispose]();
      await server.drain(graceMs);
    },
  };
}
