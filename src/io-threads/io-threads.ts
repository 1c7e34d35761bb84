import { randomBytes } from 'node:crypto';
import type { TargetInspection } from '../batching/inspection.ts';
import { ServingError } from '../errors.ts';
import type { LabelTotal, MetricReport } from '../inference/arm-metrics.ts';
import type { CallContext } from '../inference/call-context.ts';
import type { ModelControl } from '../inference/catalog.ts';
import type { InferRequest } from '../inference/request.ts';
import type { InferResponse } from '../inference/response.ts';
import type { Target } from '../inference/target.ts';
import type { ArmReading, SplitTraffic } from '../inference/traffic-split.ts';
import type { ModelRegistry } from '../models/registry.ts';
import type { ServingObservation } from '../observability/observation.ts';
import type { VersionReport } from '../quality/version-report.ts';
import { reportInTurn } from '../routing/report-in-turn.ts';
import { createRouter } from '../routing/router.ts';
import type { HostContext, Serving, ServingHost } from '../serving-host.ts';
import { ClientMemory } from '../shared-memory/client-memory.ts';
import { startMonitors } from '../start-monitors.ts';
import type { Handlers } from './call-port.ts';
import { checkFree } from './check-free.ts';
import { LostCounts } from './lost-counts.ts';
import { MainQuality } from './main-quality.ts';
import { mergeInspections } from './merge-inspections.ts';
import { threadName, type ListenPorts, type MainCalls } from './messages.ts';
import { ProcessSettings } from './process-settings.ts';
import { Publisher } from './publisher.ts';
import { SpreadModels } from './spread-models.ts';
import { ThreadLink, threadLost } from './thread-link.ts';
import { ThreadPool } from './thread-pool.ts';

/**
 * Serves on `server.ioThreads` threads, each with the whole data plane. The caller's thread keeps the control plane.
 *
 * @throws ServingError failed_precondition where the operating system cannot spread the connections of a port, or when the
 * embedder wraps the pipeline.
 */
export function startIoThreads(context: HostContext): ServingHost {
  if (process.platform === 'darwin' || process.platform === 'win32') {
    throw new ServingError(
      'failed_precondition',
      '--io-threads above 1 needs an operating system that spreads the connections of one port, such as Linux',
    );
  }
  if (context.wrap !== undefined) {
    throw new ServingError('failed_precondition', 'a wrapped pipeline cannot run on I/O threads');
  }
  return new IoThreads(context);
}

class IoThreads implements ServingHost, Serving {
  readonly hosting: ServingHost['hosting'];
  readonly control: ModelControl;
  readonly settings: ProcessSettings;
  readonly traffic: SplitTraffic;
  readonly #context: HostContext;
  readonly #pool: ThreadPool<ThreadLink>;
  readonly #models: SpreadModels;
  readonly #publisher: Publisher;
  readonly #memory: ClientMemory | undefined;
  readonly #quality: MainQuality;
  readonly #lostCounts = new LostCounts();
  #registry: ModelRegistry | undefined = undefined;
  #addresses: readonly string[] = [];
  #ports: ListenPorts = { port: 0, httpPort: 0 };
  #httpAddress = '';
  #nextRequest = 0;

  constructor(context: HostContext) {
    const { clock, logger, options } = context;
    const links = (): readonly ThreadLink[] => this.#pool.alive();
    this.#context = context;
    this.#models = new SpreadModels({ clock, threads: options.server.ioThreads, links });
    this.#publisher = new Publisher(this.#models, links);
    this.settings = new ProcessSettings({
      logger,
      mayChange: options.security.allowSettings,
      tell: async (state) => {
        await this.#pool.askAll((link) => link.calls.ask('settings', state));
      },
    });
    this.#memory = options.security.allowClientShm ? this.#createMemory() : undefined;
    this.#quality = this.#startQuality();
    this.hosting = this.#createHosting();
    this.control = {
      load: (model, overrides) => this.#thenSettle((registry) => registry.control.load(model, overrides)),
      unload: (model, dependents) =>
        this.#thenSettle((registry) => registry.control.unload(model, dependents)),
    };
    this.traffic = this.#createTraffic();
    this.#pool = this.#startPool();
  }

  get addresses(): readonly string[] {
    return this.#addresses;
  }

  get httpAddress(): string {
    return this.#httpAddress;
  }

  get log(): Serving['log'] {
    return this.settings.logLevel;
  }

  async serve(registry: ModelRegistry): Promise<Serving> {
    const { grpc, http } = this.#context.options;
    this.#registry = registry;
    this.#publisher.follow(registry);
    await checkFree(grpc.address, grpc.port);
    if (http.enabled && !http.onGrpcPort) await checkFree(http.address, http.port);
    const [first, ...others] = this.#pool.alive();
    if (first === undefined) throw threadLost();
    const asked = { port: grpc.port, httpPort: http.port };
    const { addresses, httpAddress, port, httpPort } = await first.calls.ask('listen', asked);
    this.#ports = { port, httpPort };
    this.#addresses = addresses;
    this.#httpAddress = httpAddress;
    await Promise.all(others.map((link) => link.calls.ask('listen', this.#ports)));
    this.#pool.allServe();
    this.#publisher.publishSoon();
    return this;
  }

  infer = async (request: InferRequest, call: CallContext): Promise<InferResponse> => {
    const serving = this.#pool.serving();
    const number = this.#nextRequest++;
    const link = serving[number % Math.max(1, serving.length)];
    if (link === undefined) throw threadLost();
    call.onCancelled(() => link.calls.tell('cancel', { number }));
    try {
      return await link.calls.ask('infer', {
        number,
        request,
        principal: call.principal,
        remainingMs: call.deadline - this.#context.clock.now(),
        sizeBytes: call.sizeBytes,
        streaming: call.streaming,
      });
    } finally {
      call.onCancelled(undefined);
    }
  };

  async batching(): Promise<readonly TargetInspection[]> {
    return mergeInspections(await this.#pool.askAll((link) => link.calls.ask('inspect', undefined)));
  }

  /** In all threads, even if one of them cannot tell other servers. */
  async purge(model: string, at: number): Promise<number> {
    const asked = this.#pool.alive().map((link) => link.unlessLost(link.calls.ask('purge', { model, at })));
    const ended = await Promise.allSettled(asked);
    let purged = 0;
    for (const end of ended) {
      if (end.status === 'rejected') throw end.reason;
      purged += end.value ?? 0;
    }
    return purged;
  }

  async observe(): Promise<ServingObservation> {
    const threads = await this.#pool.askAll((link) => link.calls.ask('observe', undefined));
    return {
      queues: await this.batching(),
      threads: [this.#quality.observe(), ...this.#lostCounts.with(threads)],
      ioThreadRestarts: this.#pool.restarts,
    };
  }

  labelTotal(model: string, version: string): LabelTotal | undefined {
    return this.#quality.labelTotal(model, version);
  }

  quality(): readonly VersionReport[] {
    return this.#quality.reports();
  }

  settled(): Promise<void> {
    return this.#publisher.settled();
  }

  async drain(graceMs: number): Promise<void> {
    this.#pool.drain();
    await this.#pool.askAll((link) => link.calls.ask('drain', { graceMs }));
    await this.#quality.visit();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool[Symbol.asyncDispose]();
    await this.#quality[Symbol.asyncDispose]();
    this.#memory?.[Symbol.dispose]();
  }

  #startPool(): ThreadPool<ThreadLink> {
    const { options, budget, clock, logger } = this.#context;
    const handlers = this.#createHandlers();
    const predictionKey = randomBytes(32);
    return new ThreadPool({
      size: options.server.ioThreads,
      clock,
      logger,
      start: (index) => {
        const settings = this.settings.state();
        const regions = this.#memory?.handles();
        const setup = { index, options, budget: budget.memory, settings, regions, predictionKey };
        return new ThreadLink(setup, handlers);
      },
      openModels: async (link) => {
        await this.#models.openIn(link);
        this.#publisher.tell(link);
        await link.settled;
      },
      serve: async (link) => {
        await link.calls.ask('listen', this.#ports);
        link.serving = true;
        // What changed meanwhile was not sent to a thread that did not serve yet.
        this.#publisher.tell(link);
      },
      onLost: (index) => {
        this.#lostCounts.lose(threadName(index));
        budget.releaseThread(index + 1);
      },
    });
  }

  /** What threads may call here. */
  #createHandlers(): Handlers<MainCalls> {
    const { logger } = this.#context;
    return {
      load: ({ model, overrides }) => this.control.load(model, overrides),
      unload: ({ model, unloadDependents }) => this.control.unload(model, unloadDependents),
      changeLog: (change) => this.settings.changeLog(change),
      changeTrace: ({ model, change }) => this.settings.changeTrace(model, change),
      registerRegion: ({ caller, region }) => this.#memory?.register(caller, region),
      unregisterRegion: ({ caller, name }) => this.#memory?.unregister(caller, name),
      log: ({ level, fields, message }) => logger[level](fields, message),
      ...this.#quality.handlers,
      reportMetric: (report) => this.traffic.report(report),
    };
  }

  #createHosting(): ServingHost['hosting'] {
    return {
      createMonitor: this.#quality.create,
      createRouter: (table, isComplete) => createRouter(table, undefined, isComplete),
      sessionCopies: this.#context.options.server.ioThreads,
      openModel: (plan) => this.#models.open(plan),
      openEnsemble: () => this.#models.open(undefined),
      // The requests of a sequence may come to different threads, and its state is in one.
      sequencesProblem: 'needs --io-threads 1: the state of a sequence lives in one thread',
      createStatistics: (name, version) => this.#models.createStatistics(name, version),
      onNotBatchable: (target, reason) => {
        this.#models.of(target).batchingOffReason = reason;
      },
      drained: async (target) => {
        this.#publisher.publish();
        const { id } = this.#models.of(target);
        await this.#pool.askAll((link) => link.calls.ask('drained', { id }));
      },
    };
  }

  #createTraffic(): SplitTraffic {
    const readArms = async (link: ThreadLink): Promise<readonly [string, readonly ArmReading[]]> => [
      threadName(link.index),
      (await link.unlessLost(link.calls.ask('readArms', undefined))) ?? [],
    ];
    return {
      split: (splits) => this.#publisher.split(splits),
      readArms: async () => new Map(await Promise.all(this.#pool.alive().map(readArms))),
      report: (report) => {
        const asked = this.#pool.alive().map((link) => async (part: MetricReport) => {
          const outcome = await link.unlessLost(link.calls.ask('report', part));
          return outcome ?? { used: 0, repeated: 0, unused: 0, unknown: part.entries };
        });
        return reportInTurn(report, asked);
      },
    };
  }

  #startQuality(): MainQuality {
    const served = (): readonly Target[] => this.#registry?.served().map(({ target }) => target) ?? [];
    return new MainQuality({
      clock: this.#context.clock,
      monitors: startMonitors(this.#context.options, this.#context),
      ask: () => this.#pool.askAll((link) => link.calls.ask('sightings', undefined)),
      targets: () => new Map(served().map((target) => [this.#models.of(target).id, target])),
    });
  }

  #createMemory(): ClientMemory {
    return new ClientMemory({
      publish: async (regions) => {
        await this.#pool.askAll((link) => link.calls.ask('regions', regions));
      },
      idle: async (id) => {
        await this.#pool.askAll((link) => link.calls.ask('regionIdle', { id }));
      },
    });
  }

  async #thenSettle(run: (registry: ModelRegistry) => Promise<void>): Promise<void> {
    if (this.#registry === undefined) throw threadLost();
    try {
      await run(this.#registry);
    } finally {
      await this.settled();
    }
  }
}
