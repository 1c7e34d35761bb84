import { createAdmission } from './admission/admit.ts';
import { createAuthenticator, type Authenticator } from './admission/authenticate.ts';
import { ByteBudget } from './admission/byte-budget.ts';
import { disagreement } from './batching/agreement.ts';
import { createBatcher } from './batching/create-batcher.ts';
import { packageVersion } from './package-version.ts';
import { resolveOptions } from './config/load.ts';
import type { Options, PartialOptions } from './config/options.ts';
import { createModelOpener } from './execution/model-opener.ts';
import { listenAdmin, listenGrpc, type ListenContext } from './grpc-listeners.ts';
import type { ModelCatalog, ModelControl } from './inference/catalog.ts';
import type { Infer, Wrap } from './inference/infer.ts';
import { createModelRegistry, type ModelRegistry } from './models/registry.ts';
import { createLogger, type ServerLogger } from './observability/log.ts';
import { createServerSettings } from './observability/settings.ts';
import { ModelStatistics } from './observability/statistics.ts';
import { createPipeline } from './pipeline.ts';
import { createRouter } from './routing/router.ts';
import { createAdminMethods } from './transport/grpc/admin-service.ts';
import { createHealthService, type HealthService } from './transport/grpc/health.ts';
import { createInferenceService } from './transport/grpc/inference-service.ts';
import type { GrpcMethod, GrpcServer } from './transport/grpc/method.ts';
import { inferenceService } from './transport/grpc/protocol-method.ts';
import { createReflectionMethods } from './transport/grpc/reflection.ts';
import { systemClock } from './util/clock.ts';

/** What an embedder may bring along. */
export interface ServerTools {
  readonly logger?: ServerLogger;
  /** Applied once around the whole pipeline. */
  readonly wrap?: Wrap;
}

/** A running server. */
export interface Server extends AsyncDisposable {
  /** Inference without a transport, through the same pipeline. */
  readonly infer: Infer;
  readonly catalog: ModelCatalog;
  readonly control: ModelControl;
  /** Bound address of the first gRPC listener; '' when gRPC is off. */
  readonly grpcAddress: string;
  /** Bound address of the administration listener; '' when it is off. */
  readonly adminAddress: string;
  /** Resolves when everything is closed: after `stop`, or when the server was drained from elsewhere. */
  readonly stopped: Promise<void>;
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
  const options = resolveOptions(partial);
  const startedAt = systemClock.now();
  const clock = systemClock;
  const logger = tools.logger ?? createLogger({ level: options.log.level, format: options.log.format });
  await using undo = new AsyncDisposableStack();

  const authenticator = createAuthenticator({
    keysFile: options.security.apiKeysFile,
    anonymousScopes: ['infer', 'admin'],
    logger,
    clock,
  });
  undo.use(authenticator);
  const batcher = createBatcher({ clock, logger, limits: { queuedBytes: options.server.byteBudget } });
  const registry = createModelRegistry({
    ...options.models,
    configName: options.models.configName,
    openModel: createModelOpener({ clock, logger }),
    createStatistics: (name, version) => new ModelStatistics({ name, version, clock }),
    createRouter,
    compareRows: disagreement,
    onNotBatchable: (target, reason) => batcher.switchBatchingOff(target, reason),
    drained: (target) => batcher.drained(target),
    clock,
    logger,
  });
  undo.defer(() => registry.stop());
  const budget = new ByteBudget({ limitBytes: options.server.byteBudget });
  const pipeline = createPipeline({
    router: registry.router,
    admission: createAdmission({ budget, clock }),
    batcher,
  });
  const infer = tools.wrap === undefined ? pipeline : tools.wrap(pipeline);

  const fronts: Fronts = { options, registry, logger, infer };
  const health = createHealthService(registry.catalog);
  const context: ListenContext = { authenticate: authenticator.authenticate, clock, logger };
  const listeners = await listenGrpc(options, publicMethods(fronts, health), context);
  for (const listener of listeners) undo.defer(() => listener.drain(0));

  const stopped = Promise.withResolvers<void>();
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopping ??= stopServer({ options, health, listeners, admin, registry, authenticator }).then(
      stopped.resolve,
      stopped.reject,
    );
    return stopping;
  };
  const admin = await listenAdmin(
    options,
    createAdminMethods({
      catalog: registry.catalog,
      control: registry.control,
      batching: () => batcher.inspect(),
      server: () => ({
        id: options.server.id,
        version: packageVersion(),
        draining: stopping !== undefined,
        uptimeMs: clock.now() - startedAt,
        residentBytes: process.memoryUsage.rss(),
        budgetUsedBytes: budget.heldBytes,
        budgetBytes: budget.limitBytes,
        listeners: listeners.map(({ address }) => address),
      }),
      drain: () => void stop(),
      log: logger,
      logger,
    }),
    context,
  );
  if (admin !== undefined) undo.defer(() => admin.drain(0));

  await registry.start();
  undo.move();
  return {
    infer,
    catalog: registry.catalog,
    control: registry.control,
    grpcAddress: listeners[0]?.address ?? '',
    adminAddress: admin?.address ?? '',
    stopped: stopped.promise,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

interface Fronts {
  readonly options: Options;
  readonly registry: ModelRegistry;
  readonly logger: ServerLogger;
  readonly infer: Infer;
}

/** Everything on the main gRPC port. */
function publicMethods({ options, registry, logger, infer }: Fronts, health: HealthService): GrpcMethod[] {
  return [
    ...createInferenceService({
      infer,
      catalog: registry.catalog,
      control: options.models.controlMode === 'explicit' ? registry.control : undefined,
      settings: createServerSettings({ logger, mayChange: options.security.allowSettings }),
      serverName: options.server.id,
      serverVersion: packageVersion(),
      extensions: ['model_configuration', 'model_repository', 'schedule_policy', 'statistics', 'logging'],
      maxMessageBytes: options.grpc.maxMessageBytes,
      clock: systemClock,
    }),
    ...health.methods,
    ...createReflectionMethods([inferenceService(), health.service]),
  ];
}

interface Running {
  readonly options: Options;
  readonly health: HealthService;
  readonly listeners: readonly GrpcServer[];
  readonly admin: GrpcServer | undefined;
  readonly registry: ModelRegistry;
  readonly authenticator: Authenticator;
}

/** Probes learn first, then clients; running requests finish; models go last, when nobody uses them. */
async function stopServer({
  options,
  health,
  listeners,
  admin,
  registry,
  authenticator,
}: Running): Promise<void> {
  const graceMs = options.server.exitTimeoutSecs * 1000;
  health.shutdown();
  await Promise.all(listeners.map((listener) => listener.drain(graceMs)));
  await admin?.drain(graceMs);
  await registry.stop();
  authenticator[Symbol.dispose]();
}
