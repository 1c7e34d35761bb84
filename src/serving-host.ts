import { randomBytes } from 'node:crypto';
import type { Authenticator } from './admission/authenticate.ts';
import type { ByteBudget } from './admission/byte-budget.ts';
import type { TargetInspection } from './batching/inspection.ts';
import { RateLimiter } from './batching/rate-limiter.ts';
import type { Options } from './config/options.ts';
import { parseRateLimitResource } from './config/rate-limit-resource.ts';
import { openDataPlane } from './data-plane.ts';
import { openEnsemble } from './ensembles/open-ensemble.ts';
import { TargetHolds } from './ensembles/target-holds.ts';
import { createModelOpener } from './execution/model-opener.ts';
import type { LabelTotal } from './inference/arm-metrics.ts';
import type { CachePurge } from './inference/caching.ts';
import type { ModelControl } from './inference/catalog.ts';
import type { Infer, Wrap } from './inference/infer.ts';
import type { RoutingTable } from './inference/routing-table.ts';
import type { SplitTraffic } from './inference/traffic-split.ts';
import type { ModelRegistry, RegistryOptions } from './models/registry.ts';
import { FailureCounts } from './observability/failure-counts.ts';
import type { LogLevel, ServerLogger } from './observability/log.ts';
import type { ServingObservation } from './observability/observation.ts';
import { createServerSettings } from './observability/settings.ts';
import { ModelStatistics } from './observability/statistics.ts';
import { openBatcher } from './open-batcher.ts';
import { withProcessing } from './processing/with-processing.ts';
import type { VersionReport } from './quality/version-report.ts';
import { Experiments } from './routing/experiments.ts';
import { reportInTurn } from './routing/report-in-turn.ts';
import { createRouter } from './routing/router.ts';
import { ClientMemory } from './shared-memory/client-memory.ts';
import { startMonitors } from './start-monitors.ts';
import type { Clock } from './util/clock.ts';

export interface HostContext {
  readonly options: Options;
  readonly clock: Clock;
  readonly logger: ServerLogger;
  readonly authenticator: Authenticator;
  readonly budget: ByteBudget;
  readonly wrap: Wrap | undefined;
}

/** Where models run and requests are served: the main thread, or I/O threads. Disposed after the registry has stopped. */
export interface ServingHost extends AsyncDisposable {
  /** What the registry needs of whoever runs its models. */
  readonly hosting: Pick<
    RegistryOptions,
    | 'openModel'
    | 'openEnsemble'
    | 'createStatistics'
    | 'createMonitor'
    | 'onNotBatchable'
    | 'limitInstances'
    | 'sequencesProblem'
    | 'drained'
    | 'sessionCopies'
    | 'createRouter'
  >;
  /** Opens the listeners, over the models of `registry`. @throws when an address cannot be had; nothing listens then. */
  serve(registry: ModelRegistry): Promise<Serving>;
}

/** A host that serves. */
export interface Serving {
  readonly infer: Infer;
  /** Resolves only when every request that comes later meets what was loaded or unloaded. */
  readonly control: ModelControl;
  /** Bound addresses, in the order of the options; none when gRPC is off. */
  readonly addresses: readonly string[];
  /** Bound address of HTTP; '' when it is off. */
  readonly httpAddress: string;
  readonly log: { level: LogLevel };
  readonly traffic: SplitTraffic;
  /** What metrics are made of, besides the statistics of models. */
  observe(): Promise<ServingObservation>;
  readonly quality: () => readonly VersionReport[];
  /** What labels have said of a version; undefined where nobody waits for them. */
  readonly labelTotal: (model: string, version: string) => LabelTotal | undefined;
  batching(): readonly TargetInspection[] | Promise<readonly TargetInspection[]>;
  readonly purge: CachePurge['purge'];
  /** Resolves when every request that comes later meets the models as the registry has them now. */
  settled(): Promise<void>;
  /** Probes learn first, then clients; running calls finish within `graceMs`. Idempotent. */
  drain(graceMs: number): Promise<void>;
}

/** Triton's --rate-limit. I/O threads have none: they would not share its resources. */
function createLimiter({ models }: Options): RateLimiter | undefined {
  if (models.rateLimit === 'off') return undefined;
  const grants = models.rateLimitResources.map((text) => parseRateLimitResource(text));
  return new RateLimiter(grants.filter((grant) => grant !== undefined));
}

/** Of one thread. */
function trafficOf(experiments: Experiments): SplitTraffic {
  return {
    split: async (splits) => experiments.publish(splits),
    readArms: async () => new Map([['main', experiments.read()]]),
    report: (report) => reportInTurn(report, [async (part) => experiments.report(part)]),
  };
}

/** Serves on the thread that calls, beside the control plane. */
export function createMainThreadHost(context: HostContext): ServingHost {
  const { options, clock, logger } = context;
  const limiter = createLimiter(options);
  const batcher = openBatcher(options, { clock, logger, limiter });
  const holds = new TargetHolds();
  const sharedMemory = options.security.allowClientShm ? new ClientMemory() : undefined;
  let routes: () => RoutingTable = () => new Map();
  const monitors = startMonitors(options, context);
  const experiments = new Experiments({
    clock,
    random: Math.random,
    ready: (model, version) => routes().get(model)?.ready.get(version),
  });
  return {
    hosting: {
      createRouter(table, isComplete) {
        routes = table;
        return createRouter(table, experiments, isComplete);
      },
      openModel: withProcessing(createModelOpener({ clock, logger }), { clock, logger }),
      openEnsemble,
      createMonitor: (spec, plan) => monitors.create(spec, plan),
      createStatistics: (name, version) => new ModelStatistics({ name, version, clock }),
      ...(limiter === undefined ? {} : { limitInstances: (limits) => limiter.admit(limits) }),
      onNotBatchable: (target, reason) => batcher.switchBatchingOff(target, reason),
      drained: async (target) => {
        await holds.released(target);
        await batcher.drained(target.processing?.model ?? target);
      },
    },
    async serve(registry) {
      const { router, catalog, control } = registry;
      monitors.follow(() => registry.served().map(({ target }) => target));
      const settings = createServerSettings({ logger, mayChange: options.security.allowSettings });
      const failures = new FailureCounts();
      const plane = await openDataPlane({
        ...context,
        authenticate: context.authenticator.authenticate,
        router,
        experiments,
        quality: monitors,
        reportMetric: (report) => trafficOf(experiments).report(report),
        catalog,
        control,
        settings,
        sharedMemory,
        batcher,
        holds,
        onFailure: (front, error) => failures.add(front, error),
        thread: 'main',
        predictionKey: randomBytes(32),
      });
      return {
        infer: plane.infer,
        control,
        addresses: plane.addresses,
        httpAddress: plane.http.address,
        log: logger,
        traffic: trafficOf(experiments),
        observe: async () => ({
          queues: batcher.inspect(),
          threads: [
            {
              thread: 'main',
              failures: failures.read(),
              transports: plane.counters(),
              runtime: undefined,
              predictions: plane.predictions(),
              exemplars: plane.exemplars(),
              exporters: [...plane.exporters(), ...monitors.exporters()],
            },
          ],
          ioThreadRestarts: 0,
        }),
        quality: () => monitors.reports(),
        labelTotal: (model, version) => monitors.labelTotal(model, version),
        batching: () => batcher.inspect(),
        purge: (model, at) => batcher.purge(model, at),
        settled: () => Promise.resolve(),
        drain: (graceMs) => plane.drain(graceMs),
      };
    },
    async [Symbol.asyncDispose]() {
      await monitors[Symbol.asyncDispose]();
      sharedMemory?.[Symbol.dispose]();
      batcher[Symbol.dispose]();
    },
  };
}
