import { randomBytes } from 'node:crypto';
import type { TargetInspection } from '../batching/inspection.ts';
import { ServingError } from '../errors.ts';
import { defaultRestartLimits, restartDelayMs } from '../util/restart-policy.ts';
import type { CallContext } from '../inference/call-context.ts';
import type { LabelTotal, MetricReport } from '../inference/arm-metrics.ts';
import type { ModelControl } from '../inference/catalog.ts';
import type { SessionPlan } from '../inference/executor.ts';
import type { InferRequest } from '../inference/request.ts';
import type { InferResponse } from '../inference/response.ts';
import type { Target } from '../inference/target.ts';
import type { ArmReading, SplitTraffic, TrafficSplits } from '../inference/traffic-split.ts';
import { reportInTurn } from '../routing/report-in-turn.ts';
import { createRouter } from '../routing/router.ts';
import type { ModelRegistry } from '../models/registry.ts';
import type { ModelCounters } from '../models/version-state.ts';
import { createSharedStatistics } from '../observability/shared-statistics.ts';
import type { ServingObservation } from '../observability/observation.ts';
import { ModelStatistics } from '../observability/statistics.ts';
import type { VersionReport } from '../quality/version-report.ts';
import type { HostContext, Serving, ServingHost } from '../serving-host.ts';
import { ClientMemory } from '../shared-memory/client-memory.ts';
import { startMonitors } from '../start-monitors.ts';
import type { Handlers } from './call-port.ts';
import { checkFree } from './check-free.ts';
import { LostCounts } from './lost-counts.ts';
import { MainQuality } from './main-quality.ts';
import { mergeInspections } from './merge-inspections.ts';
import { threadName, type IoThreadSetup, type ListenPorts, type MainCalls } from './messages.ts';
import { ProcessSettings } from './process-settings.ts';
import { publicationOf } from './publication.ts';
import { SpreadModel } from './spread-model.ts';
import { ThreadLink, threadLost } from './thread-link.ts';

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
  readonly traffic: SplitTraffic = {
    split: (splits) => {
      this.#splits = splits;
      this.#dirty = true;
      return this.settled();
    },
    readArms: async () => {
      const read = async (link: ThreadLink): Promise<readonly [string, readonly ArmReading[]]> => [
        threadName(link.index),
        (await link.unlessLost(link.calls.ask('readArms', undefined))) ?? [],
      ];
      return new Map(await Promise.all(this.#alive().map(read)));
    },
    report: (report) => {
      const asked = this.#alive().map((link) => async (part: MetricReport) => {
        const outcome = await link.unlessLost(link.calls.ask('report', part));
        return outcome ?? { used: 0, repeated: 0, unused: 0, unknown: part.entries };
      });
      return reportInTurn(report, asked);
    },
  };
  readonly #context: HostContext;
  /** By index; undefined while a lost thread waits to be replaced. */
  readonly #links: (ThreadLink | undefined)[] = [];
  readonly #handlers: Handlers<MainCalls>;
  readonly #memory: ClientMemory | undefined;
  readonly #quality: MainQuality;
  readonly #models = new Set<SpreadModel>();
  readonly #memories = new WeakMap<object, readonly SharedArrayBuffer[]>();
  /** When the threads of each index were replaced, as far back as the budget of restarts looks. */
  readonly #restartedAt = new Map<number, readonly number[]>();
  readonly #timers = new Set<Disposable>();
  #addresses: readonly string[] = [];
  #ports: ListenPorts = { port: 0, httpPort: 0 };
  #httpAddress = '';
  #nextId = 0;
  #nextRequest = 0;
  #registry: ModelRegistry | undefined = undefined;
  readonly #lostCounts = new LostCounts();
  readonly #predictionKey = randomBytes(32);
  #restarts = 0;
  #dirty = false;
  #splits: TrafficSplits = new Map();
  #phase: 'starting' | 'serving' | 'draining' | 'ended' = 'starting';

  constructor(context: HostContext) {
    this.#context = context;
    this.settings = new ProcessSettings({
      logger: context.logger,
      mayChange: context.options.security.allowSettings,
      tell: async (state) => {
        await this.#ofAll((link) => link.calls.ask('settings', state));
      },
    });
    this.#memory = context.options.security.allowClientShm ? this.#createMemory() : undefined;
    this.#quality = this.#startQuality();
    this.hosting = {
      createMonitor: this.#quality.create,
      createRouter: (table, isComplete) => createRouter(table, undefined, isComplete),
      sessionCopies: context.options.server.ioThreads,
      openModel: (plan) => this.#open(plan),
      openEnsemble: () => this.#open(undefined),
      // The requests of a sequence may come to different threads, and its state is in one.
      sequencesProblem: 'needs --io-threads 1: the state of a sequence lives in one thread',
      createStatistics: (name, version) => this.#createStatistics(name, version),
      onNotBatchable: (target, reason) => {
        this.#spreadOf(target).batchingOffReason = reason;
      },
      drained: (target) => this.#drained(target),
    };
    this.control = {
      load: (model, overrides) => this.#thenSettle((registry) => registry.control.load(model, overrides)),
      unload: (model, dependents) =>
        this.#thenSettle((registry) => registry.control.unload(model, dependents)),
    };
    this.#handlers = {
      load: ({ model, overrides }) => this.control.load(model, overrides),
      unload: ({ model, unloadDependents }) => this.control.unload(model, unloadDependents),
      changeLog: (change) => this.settings.changeLog(change),
      changeTrace: ({ model, change }) => this.settings.changeTrace(model, change),
      registerRegion: ({ caller, region }) => this.#memory?.register(caller, region),
      unregisterRegion: ({ caller, name }) => this.#memory?.unregister(caller, name),
      log: ({ level, fields, message }) => context.logger[level](fields, message),
      ...this.#quality.handlers,
      reportMetric: (report) => this.traffic.report(report),
    };
    for (let index = 0; index < context.options.server.ioThreads; index++) {
      this.#links.push(this.#start(index));
    }
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
    await checkFree(grpc.address, grpc.port);
    if (http.enabled && !http.onGrpcPort) await checkFree(http.address, http.port);
    const [first, ...others] = this.#alive();
    if (first === undefined) throw threadLost();
    const asked = { port: grpc.port, httpPort: http.port };
    const { addresses, httpAddress, port, httpPort } = await first.calls.ask('listen', asked);
    this.#ports = { port, httpPort };
    this.#addresses = addresses;
    this.#httpAddress = httpAddress;
    await Promise.all(others.map((link) => link.calls.ask('listen', this.#ports)));
    this.#phase = 'serving';
    for (const link of this.#alive()) link.serving = true;
    registry.catalog.onChange(() => this.#publishSoon());
    this.#publishSoon();
    return this;
  }

  infer = async (request: InferRequest, call: CallContext): Promise<InferResponse> => {
    const serving = this.#alive().filter((link) => link.serving);
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
    return mergeInspections(await this.#ofAll((link) => link.calls.ask('inspect', undefined)));
  }

  /** In all threads, even if one of them cannot tell other servers. */
  async purge(model: string, at: number): Promise<number> {
    const asked = this.#alive().map((link) => link.unlessLost(link.calls.ask('purge', { model, at })));
    const ended = await Promise.allSettled(asked);
    let purged = 0;
    for (const end of ended) {
      if (end.status === 'rejected') throw end.reason;
      purged += end.value ?? 0;
    }
    return purged;
  }

  async observe(): Promise<ServingObservation> {
    const threads = await this.#ofAll((link) => link.calls.ask('observe', undefined));
    return {
      queues: await this.batching(),
      threads: [this.#quality.observe(), ...this.#lostCounts.with(threads)],
      ioThreadRestarts: this.#restarts,
    };
  }

  labelTotal(model: string, version: string): LabelTotal | undefined {
    return this.#quality.labelTotal(model, version);
  }

  quality(): readonly VersionReport[] {
    return this.#quality.reports();
  }

  async settled(): Promise<void> {
    this.#publish();
    await Promise.all(this.#alive().map((link) => link.settled));
  }

  async drain(graceMs: number): Promise<void> {
    this.#phase = 'draining';
    for (const timer of this.#timers) timer[Symbol.dispose]();
    await this.#ofAll((link) => link.calls.ask('drain', { graceMs }));
    await this.#quality.visit();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#phase = 'ended';
    for (const timer of this.#timers) timer[Symbol.dispose]();
    const alive = this.#alive();
    for (const link of alive) link.calls.tell('end', undefined);
    await Promise.all(alive.map((link) => link.exited));
    await this.#quality[Symbol.asyncDispose]();
    this.#memory?.[Symbol.dispose]();
  }

  #startQuality(): MainQuality {
    const served = (): readonly Target[] => this.#registry?.served().map(({ target }) => target) ?? [];
    return new MainQuality({
      clock: this.#context.clock,
      monitors: startMonitors(this.#context.options, this.#context),
      ask: () => this.#ofAll((link) => link.calls.ask('sightings', undefined)),
      targets: () => new Map(served().map((target) => [this.#spreadOf(target).id, target])),
    });
  }

  /** What threads that are not lost answer. */
  async #ofAll<T>(ask: (link: ThreadLink) => Promise<T>): Promise<readonly T[]> {
    const answers = await Promise.all(this.#alive().map((link) => link.unlessLost(ask(link))));
    return answers.filter((answer) => answer !== undefined);
  }

  #createMemory(): ClientMemory {
    return new ClientMemory({
      publish: async (regions) => {
        await this.#ofAll((link) => link.calls.ask('regions', regions));
      },
      idle: async (id) => {
        await this.#ofAll((link) => link.calls.ask('regionIdle', { id }));
      },
    });
  }

  #alive(): ThreadLink[] {
    return this.#links.filter((link) => link !== undefined);
  }

  #start(index: number): ThreadLink {
    const { options, budget } = this.#context;
    const setup: IoThreadSetup = {
      index,
      options,
      budget: budget.memory,
      settings: this.settings.state(),
      regions: this.#memory?.handles(),
      predictionKey: this.#predictionKey,
    };
    const link = new ThreadLink(setup, this.#handlers);
    void link.exited.then((cause) => this.#onExit(link, cause));
    return link;
  }

  #onExit(link: ThreadLink, cause: unknown): void {
    const { index } = link;
    const { logger, budget, clock } = this.#context;
    this.#links[index] = undefined;
    this.#lostCounts.lose(threadName(index));
    budget.releaseThread(index + 1);
    if (this.#phase === 'ended') return;
    logger.error({ thread: index, error: cause }, 'an I/O thread ended');
    if (this.#phase !== 'serving') return;
    const restartedAt = this.#restartedAt.get(index) ?? [];
    const recent = restartedAt.filter((at) => clock.now() - at < defaultRestartLimits.budgetWindowMs);
    const history = { crashesInRow: recent.length + 1, restartedAt: recent };
    const delayMs = restartDelayMs(defaultRestartLimits, history, clock.now(), Math.random());
    const timer = clock.after(delayMs, () => {
      this.#timers.delete(timer);
      this.#restartedAt.set(index, [...recent, clock.now()]);
      void this.#replace(index);
    });
    this.#timers.add(timer);
  }

  /** Ready models first, then connections. A thread that cannot have them all is ended, and tried again later. */
  async #replace(index: number): Promise<void> {
    const link = this.#start(index);
    this.#links[index] = link;
    try {
      await Promise.all(Array.from(this.#models, (model) => link.open(model.id, model.plan)));
      link.publish(this.#publication());
      await link.settled;
      if (this.#phase !== 'serving') return;
      await link.calls.ask('listen', this.#ports);
      link.serving = true;
      // What changed meanwhile was not sent to a thread that did not serve yet.
      link.publish(this.#publication());
      this.#restarts += 1;
      this.#context.logger.info({ thread: index }, 'an I/O thread was replaced');
    } catch (error) {
      if (link.lost || this.#phase !== 'serving') return;
      this.#context.logger.error({ thread: index, error }, 'an I/O thread could not be replaced');
      link.calls.tell('end', undefined);
    }
  }

  async #open(plan: SessionPlan | undefined): Promise<SpreadModel> {
    const model = new SpreadModel(
      this.#nextId++,
      plan,
      () => this.#alive(),
      (closed) => void this.#models.delete(closed),
    );
    this.#models.add(model);
    try {
      await model.open();
      return model;
    } catch (error) {
      await model[Symbol.asyncDispose]();
      throw error;
    }
  }

  #createStatistics(name: string, version: string): ModelCounters {
    const memories = this.#links.map(() => new SharedArrayBuffer(ModelStatistics.sizeBytes));
    const { clock } = this.#context;
    const counters = createSharedStatistics({ name, version, clock, memories, writer: undefined });
    this.#memories.set(counters, memories);
    return counters;
  }

  #spreadOf(target: Target): SpreadModel {
    for (const model of this.#models) if (model.executors === target.executors) return model;
    throw new Error('bug: a target has sessions that no thread opened');
  }

  async #drained(target: Target): Promise<void> {
    this.#publish();
    const { id } = this.#spreadOf(target);
    await this.#ofAll((link) => link.calls.ask('drained', { id }));
  }

  async #thenSettle(run: (registry: ModelRegistry) => Promise<void>): Promise<void> {
    if (this.#registry === undefined) throw threadLost();
    try {
      await run(this.#registry);
    } finally {
      await this.settled();
    }
  }

  /** Changes come in bursts; one publication carries all of a turn. */
  #publishSoon(): void {
    if (this.#dirty) return;
    this.#dirty = true;
    queueMicrotask(() => this.#publish());
  }

  #publish(): void {
    if (!this.#dirty) return;
    this.#dirty = false;
    const publication = this.#publication();
    for (const link of this.#alive()) if (link.serving) link.publish(publication);
  }

  #publication(): ReturnType<typeof publicationOf> {
    if (this.#registry === undefined) throw new Error('bug: there are no models to publish yet');
    const { catalog, models, starting } = this.#registry;
    return publicationOf({
      ready: catalog.ready(),
      starting,
      models,
      splits: this.#splits,
      spreadOf: (target) => this.#spreadOf(target),
      memoriesOf: (target) => this.#memories.get(target.statistics) ?? [],
    });
  }
}
