import { createAuthenticator, type Authenticator } from './admission/authenticate.ts';
import { ByteBudget } from './admission/byte-budget.ts';
import { disagreement } from './batching/agreement.ts';
import { joinRequests } from './batching/join-requests.ts';
import { resolveOptions } from './config/load.ts';
import type { Options, PartialOptions } from './config/options.ts';
import { listenAdmin, type ListenContext } from './grpc-listeners.ts';
import { ensembleRules } from './ensembles/rules.ts';
import { refuseTelemetry } from './execution/telemetry.ts';
import type { ModelCatalog, ModelControl } from './inference/catalog.ts';
import { mergeExporters } from './inference/exporter-breaker.ts';
import type { Infer, Wrap } from './inference/infer.ts';
import { ServingError } from './errors.ts';
import { listenAdminHttp } from './http-listener.ts';
import { listenMetrics, startEmf } from './metrics-listener.ts';
import { createModelRegistry, type ModelRegistry } from './models/registry.ts';
import { createLogger, type ServerLogger } from './observability/log.ts';
import { packageVersion } from './package-version.ts';
import { createMainThreadHost, type HostContext, type Serving, type ServingHost } from './serving-host.ts';
import { costCacheOf } from './open-batcher.ts';
import { openSources, type Sources } from './open-sources.ts';
import { startRollouts, type Rollouts } from './start-rollouts.ts';
import { createAdminMethods } from './transport/grpc/admin-service.ts';
import type { GrpcMethod, GrpcServer } from './transport/grpc/method.ts';
import { createRolloutMethods } from './transport/grpc/rollout-methods.ts';
import { systemClock } from './util/clock.ts';

/** What an embedder may bring along. */
export interface ServerTools {
  readonly logger?: ServerLogger;
  /** Applied once around the whole pipeline. Functions cannot cross threads: not with `server.ioThreads` above 1. */
  readonly wrap?: Wrap;
  /** How readings of the configuration ended, for metrics; whoever reads it again counts them. */
  readonly configReloads?: Readonly<Record<'success' | 'failure', number>>;
}

/** A running server. */
export interface Server extends AsyncDisposable {
  /** Inference without a transport, through the same pipeline. */
  readonly infer: Infer;
  readonly catalog: ModelCatalog;
  readonly control: ModelControl;
  /** Bound address of the first gRPC listener; '' when gRPC is off. */
  readonly grpcAddress: string;
  /** Bound address of the HTTP listener; '' when HTTP is off. */
  readonly httpAddress: string;
  /** Bound address of the listener of metrics; '' when it is off. */
  readonly metricsAddress: string;
  /** Bound address of the administration listener; '' when it is off. */
  readonly adminAddress: string;
  /** Resolves when everything is closed: after `stop`, or when the server was drained from elsewhere. */
  readonly stopped: Promise<void>;
  /**
   * Takes over the settings that may change while it runs (docs/configuration.md marks them); the others of `options`, which are
   * complete and checked, are not looked at.
   */
  reconfigure(options: Options): void;
  /** Lets running requests finish, within `exitTimeoutSecs`. Idempotent. */
  stop(): Promise<void>;
}

/**
 * Makes a server, listens, and loads the models; resolves when those that should serve do, or have failed to.
 * Listeners open first: probes see NOT_SERVING instead of a refused connection while models load.
 *
 * @throws ServingError when the options are wrong or an address cannot be had. Nothing is left open then.
 */
export async function createServer(
  partial: PartialOptions | Options,
  tools: ServerTools = {},
): Promise<Server> {
  refuseTelemetry();
  const options = resolveOptions(partial);
  const startedAt = systemClock.now();
  const clock = systemClock;
  const logger =
    tools.logger ??
    createLogger({ level: options.log.level, format: options.log.format, version: packageVersion() });
  await using undo = new AsyncDisposableStack();

  const authenticator = undo.use(
    createAuthenticator({
      keysFile: options.security.apiKeysFile,
      anonymousScopes: ['infer', 'admin', 'route'],
      logger,
      clock,
    }),
  );
  const budget = new ByteBudget({
    limitBytes: options.server.byteBudget,
    memory: ByteBudget.sharedMemory(options.server.ioThreads),
  });
  const host = await createHost({ options, clock, logger, authenticator, budget, wrap: tools.wrap });
  undo.use(host);
  const late = { registry: () => registry, rollouts: () => rollouts.admin };
  const sources = undo.use(await openSources(options, { clock, logger, ...late }));
  const registry: ModelRegistry = createRegistry(options, { host, sources, clock, logger });
  undo.defer(() => registry.stop());
  const serving = await host.serve(registry);
  undo.defer(() => serving.drain(0));
  const { catalog } = registry;
  const rollouts = undo.use(await startRollouts(options, { serving, catalog, clock, logger }));

  const lasting = { serving, rollouts, sources, registry, host, authenticator, logger };
  const stopped = Promise.withResolvers<void>();
  let stopping: Promise<void> | undefined;
  let current = options;
  const stop = (): Promise<void> => {
    const open = { ...lasting, admin, adminHttp, metrics, emf };
    stopping ??= stopServer({ options: current, ...open }).then(stopped.resolve, stopped.reject);
    return stopping;
  };
  const context: ListenContext = { authenticate: authenticator.authenticate, clock, logger };
  const draining = (): boolean => stopping !== undefined;
  const drain = (): void => void stop();
  const parts = { ...lasting, options, budget, startedAt, draining, drain };
  const admin = await listenAdmin(options, adminMethods(parts), context);
  if (admin !== undefined) undo.defer(() => admin.drain(0));
  const adminHttp = await listenAdminHttp(options, rollouts.admin, context);
  if (adminHttp !== undefined) undo.defer(() => adminHttp.drain(0));
  const identity = { id: options.server.id, version: packageVersion() };
  const page = {
    purge: (model: string) => serving.purge(model, systemClock.epochMs()),
    authenticate: authenticator.authenticate,
    server: () => ({ ...identity, draining: draining() }),
    drain,
  };
  const counted = { ...parts, clock, configReloads: tools.configReloads };
  const metrics = await listenMetrics(options, { ...counted, rollouts: rollouts.admin, console: page });
  if (metrics !== undefined) undo.use(metrics);
  const emf = await startEmf(options, { registry, clock, write: (line) => void process.stdout.write(line) });
  if (emf !== undefined) undo.use(emf);

  await registry.start();
  await serving.settled();
  undo.move();
  return {
    infer: serving.infer,
    catalog: registry.catalog,
    control: serving.control,
    grpcAddress: serving.addresses[0] ?? '',
    httpAddress: serving.httpAddress,
    metricsAddress: metrics?.address ?? '',
    adminAddress: admin?.address ?? '',
    stopped: stopped.promise,
    reconfigure: (next) => void (current = takeOver(current, next, { serving, registry })),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

interface AdminParts extends Pick<Running, 'options' | 'serving' | 'registry' | 'rollouts' | 'logger'> {
  readonly budget: ByteBudget;
  /** In the clock's milliseconds. */
  readonly startedAt: number;
  readonly draining: () => boolean;
  readonly drain: () => void;
}

/** What the administration listener serves. */
function adminMethods(parts: AdminParts): readonly GrpcMethod[] {
  const { options, serving, registry, rollouts, budget, logger } = parts;
  return [
    ...createAdminMethods({
      catalog: registry.catalog,
      control: serving.control,
      batching: () => serving.batching(),
      purge: (model) => serving.purge(model, systemClock.epochMs()),
      server: () => ({
        id: options.server.id,
        version: packageVersion(),
        draining: parts.draining(),
        uptimeMs: systemClock.now() - parts.startedAt,
        residentBytes: process.memoryUsage.rss(),
        budgetUsedBytes: budget.heldBytes,
        budgetBytes: budget.limitBytes,
        listeners: serving.addresses,
      }),
      exporters: async () => {
        const { threads } = await serving.observe();
        return mergeExporters(threads.flatMap(({ exporters = [] }) => exporters));
      },
      drain: parts.drain,
      log: serving.log,
      logger,
    }),
    ...createRolloutMethods(rollouts.admin),
  ];
}

/** @returns what is in force from now on. */
function takeOver(
  before: Options,
  next: Options,
  { serving, registry }: Pick<Running, 'serving' | 'registry'>,
): Options {
  // Administration may have chosen another level since.
  if (next.log.level !== before.log.level) serving.log.level = next.log.level;
  registry.configure(next.models);
  return next;
}

/** The models, over the folders that `sources` fetches remote ones into. */
function createRegistry(
  { models, security }: Options,
  { host, sources, clock, logger }: Pick<HostContext, 'clock' | 'logger'> & Pick<Running, 'host' | 'sources'>,
): ModelRegistry {
  return createModelRegistry({
    ...models,
    repositories: sources.repositories,
    refresh: sources.refresh,
    verify: sources.verify,
    configName: models.configName,
    allowProcessing: security.allowProcessing,
    ...host.hosting,
    compareRows: disagreement,
    joinRequests,
    ensembles: ensembleRules,
    clock,
    logger,
  });
}

/** A server of one thread does not even load the code for more. */
async function createHost(context: HostContext): Promise<ServingHost> {
  if (context.options.server.ioThreads === 1) return createMainThreadHost(context);
  const { startIoThreads } = await import('./io-threads/io-threads.ts');
  return startIoThreads(context);
}

interface Running {
  readonly options: Options;
  readonly serving: Serving;
  readonly admin: GrpcServer | undefined;
  readonly adminHttp: Pick<GrpcServer, 'drain'> | undefined;
  readonly rollouts: Rollouts;
  readonly sources: Sources;
  readonly metrics: AsyncDisposable | undefined;
  readonly emf: Disposable | undefined;
  readonly registry: ModelRegistry;
  readonly host: ServingHost;
  readonly authenticator: Authenticator;
  readonly logger: ServerLogger;
}

/** Probes learn first, then clients; running requests finish; models go when nobody uses them, and threads last. */
async function stopServer(running: Running): Promise<void> {
  const {
    options,
    serving,
    admin,
    adminHttp,
    rollouts,
    sources,
    metrics,
    emf,
    registry,
    host,
    authenticator,
    logger,
  } = running;
  const graceMs = options.server.exitTimeoutSecs * 1000;
  await serving.drain(graceMs);
  await Promise.all([admin?.drain(graceMs), adminHttp?.drain(graceMs)]);
  sources[Symbol.dispose]();
  await rollouts[Symbol.asyncDispose]();
  await metrics?.[Symbol.asyncDispose]();
  emf?.[Symbol.dispose]();
  authenticator[Symbol.dispose]();
  costCacheOf(options, logger)?.save(await serving.batching());
  endRuns(registry);
  await withinLimit(registry.stop().then(() => host[Symbol.asyncDispose]()));
}

/** By now nobody waits for their answers; those of processes need not be waited for either. */
function endRuns(registry: ModelRegistry): void {
  for (const { target } of registry.served()) {
    for (const executor of target.executors) if (executor.endsRuns === true) executor.abandon?.();
  }
}

/** By now nobody waits for an answer: a run ends within this time, or it is stuck. The chart leaves 10 s for it. */
const closeLimitMs = 8000;

/** @throws ServingError internal when a run of a model does not end; only the end of the process ends it then. */
async function withinLimit(closing: Promise<void>): Promise<void> {
  const limit = Promise.withResolvers<never>();
  using _timer = systemClock.after(closeLimitMs, () => {
    limit.reject(
      new ServingError('internal', 'stopped, but a run of a model does not end', { reason: 'RUN_STUCK' }),
    );
  });
  await Promise.race([closing, limit.promise]);
}
