import { createAuthenticator, type Authenticator } from '../admission/authenticate.ts';
import { ByteBudget } from '../admission/byte-budget.ts';
import { openDataPlane, type DataPlane } from '../data-plane.ts';
import { TargetHolds } from '../ensembles/target-holds.ts';
import { ServingError } from '../errors.ts';
import { readCpuQuota } from '../execution/cpu-quota.ts';
import { createModelOpener } from '../execution/model-opener.ts';
import type { ModelControl } from '../inference/catalog.ts';
import { silentLogger } from '../inference/logger.ts';
import type { ModelQuality } from '../inference/monitoring.ts';
import type { InferResponse } from '../inference/response.ts';
import type { ServerSettings } from '../inference/server-settings.ts';
import type { SharedMemory } from '../inference/shared-memory.ts';
import { FailureCounts } from '../observability/failure-counts.ts';
import type { ServerLogger } from '../observability/log.ts';
import type { ThreadObservation } from '../observability/observation.ts';
import { RuntimeMonitor } from '../observability/runtime-monitor.ts';
import { openBatcher, type ServingBatcher } from '../open-batcher.ts';
import { withProcessing } from '../processing/with-processing.ts';
import { FollowedMemory } from '../shared-memory/followed-memory.ts';
import type { RegionHandle } from '../shared-memory/region.ts';
import { systemClock } from '../util/clock.ts';
import { CallPort, type Handlers, type MessageEnd } from './call-port.ts';
import { ForwardedCalls } from './forwarded-calls.ts';
import {
  threadName,
  type ForwardedRequest,
  type IoThreadSetup,
  type Listening,
  type ListenPorts,
  type MainCalls,
  type SettingsState,
  type ThreadCalls,
} from './messages.ts';
import { createPortLogger } from './port-logger.ts';
import { ServedModels } from './served-models.ts';
import { ThreadMonitors } from './thread-monitors.ts';

/** The thread's end of the channel. Closing it lets the thread end. */
export interface ThreadEnd extends MessageEnd {
  close(): void;
}

const clock = systemClock;

/** An I/O thread's whole life: the data plane of its connections, as the main thread directs. */
export class ServingThread {
  readonly #setup: IoThreadSetup;
  readonly #end: ThreadEnd;
  readonly #main: CallPort<MainCalls, ThreadCalls>;
  readonly #logger: ServerLogger;
  readonly #batcher: ServingBatcher;
  readonly #models: ServedModels;
  readonly #monitors: ThreadMonitors;
  readonly #holds = new TargetHolds();
  readonly #authenticator: Authenticator;
  readonly #forwarded = new ForwardedCalls(clock);
  readonly #failures = new FailureCounts();
  readonly #runtime: RuntimeMonitor | undefined;
  #settings: SettingsState;
  readonly #memory: FollowedMemory | undefined;
  /** Set as soon as the listeners are being opened: a drain meanwhile must find them. */
  #plane: Promise<DataPlane> | undefined = undefined;

  /** @param end is owned from here on. */
  constructor(setup: IoThreadSetup, end: ThreadEnd) {
    const { options, settings, index } = setup;
    this.#setup = setup;
    this.#end = end;
    this.#settings = settings;
    this.#logger = createPortLogger(settings.level, (line) => this.#main.tell('log', line));
    const logger = this.#logger;
    this.#runtime = options.metrics.enabled ? new RuntimeMonitor(clock) : undefined;
    this.#main = new CallPort<MainCalls, ThreadCalls>(end, this.#handlers());
    logger.muted = settings.muted;
    this.#batcher = openBatcher(options, {
      clock,
      logger,
      costLogger: index === 0 ? logger : silentLogger,
    });
    this.#monitors = new ThreadMonitors(clock, options.server.ioThreads);
    this.#models = new ServedModels({
      index,
      clock,
      monitors: this.#monitors,
      // The cores are shared among the threads; each divides its own part among the instances of a model.
      openModel: withProcessing(
        createModelOpener({ clock, logger, cpuQuota: readCpuQuota() / options.server.ioThreads }),
        { clock, logger },
      ),
      onNotBatchable: (target, reason) => this.#batcher.switchBatchingOff(target, reason),
    });
    // The main thread watches the same file and says all there is to say of it.
    this.#authenticator = createAuthenticator({
      keysFile: options.security.apiKeysFile,
      anonymousScopes: ['infer', 'admin', 'route'],
      logger: silentLogger,
      clock,
    });
    this.#memory = setup.regions && this.#followMemory(setup.regions);
  }

  /** Cuts connections off, waits for running batches and closes the sessions: a busy session thread must not be ended. */
  async abandon(error: unknown): Promise<void> {
    this.#logger.error(
      { thread: this.#setup.index, error },
      'an I/O thread failed; its connections are lost',
    );
    await this.#drain(0);
    await this.#models[Symbol.asyncDispose]();
  }

  #handlers(): Handlers<ThreadCalls> {
    return {
      listen: (ports) => this.#listen(ports),
      open: (asked) => this.#models.open(asked),
      close: ({ id }) => this.#models.close(id),
      run: (asked) => this.#models.run(asked),
      publish: (publication) => this.#models.publish(publication),
      drained: ({ id }) => this.#drained(id),
      settings: (state) => this.#changeSettings(state),
      regions: (regions) => this.#memory?.follow(regions),
      regionIdle: ({ id }) => this.#memory?.idle(id),
      infer: (asked) => this.#infer(asked),
      cancel: ({ number }) => this.#forwarded.cancel(number),
      purge: ({ model, at }) => this.#batcher.purge(model, at),
      inspect: () => this.#batcher.inspect(),
      observe: () => this.#observe(),
      readArms: () => this.#models.experiments.read(),
      sightings: () => this.#monitors.take(),
      report: (report) => this.#models.experiments.report(report),
      drain: ({ graceMs }) => this.#drain(graceMs),
      end: () => this.#finish(),
    };
  }

  async #listen(ports: ListenPorts): Promise<Listening> {
    const { index, options, budget } = this.#setup;
    this.#plane = openDataPlane({
      options: withPorts(this.#setup, ports),
      router: this.#models.router,
      catalog: this.#models.catalog,
      experiments: this.#models.experiments,
      control: this.#modelControl(),
      settings: this.#serverSettings(),
      quality: this.#modelQuality(),
      reportMetric: (report) => this.#main.ask('reportMetric', report),
      sharedMemory: this.#memory,
      batcher: this.#batcher,
      holds: this.#holds,
      budget: new ByteBudget({
        limitBytes: options.server.byteBudget,
        memory: budget,
        thread: index + 1,
      }),
      wrap: undefined,
      onFailure: (front, error) => this.#failures.add(front, error),
      thread: threadName(index),
      predictionKey: this.#setup.predictionKey,
      authenticate: this.#authenticator.authenticate,
      clock,
      logger: this.#logger,
    });
    const { addresses, port, http } = await this.#plane;
    return { addresses, port, httpAddress: http.address, httpPort: http.port };
  }

  /** Models are managed in the main thread. */
  #modelControl(): ModelControl {
    return {
      load: (model, overrides) => this.#main.ask('load', { model, overrides }),
      unload: (model, unloadDependents) => this.#main.ask('unload', { model, unloadDependents }),
    };
  }

  /** All threads' requests are counted in the main thread. */
  #modelQuality(): ModelQuality {
    return {
      feedback: (feedback, caller) => this.#main.ask('feedback', { feedback, caller }),
      report: (model, version) => this.#main.ask('qualityReport', { model, version }),
      profile: (model, version) => this.#main.ask('qualityProfile', { model, version }),
      page: (model, version) => this.#main.ask('qualityPage', { model, version }),
    };
  }

  /** The main thread opens and closes what clients register. */
  #followMemory(regions: readonly RegionHandle[]): FollowedMemory {
    const owner: Pick<SharedMemory, 'register' | 'unregister'> = {
      register: (caller, region) => this.#main.ask('registerRegion', { caller, region }),
      unregister: (caller, name) => this.#main.ask('unregisterRegion', { caller, name }),
    };
    return new FollowedMemory(owner, regions);
  }

  #serverSettings(): ServerSettings {
    return {
      mayChange: this.#setup.options.security.allowSettings,
      log: () => this.#settings.log,
      changeLog: (change) => this.#main.ask('changeLog', change),
      trace: (model) => this.#settings.trace.get(model) ?? this.#settings.trace.get('') ?? new Map(),
      changeTrace: (model, change) => this.#main.ask('changeTrace', { model, change }),
    };
  }

  #changeSettings(state: SettingsState): void {
    this.#settings = state;
    this.#logger.level = state.level;
    this.#logger.muted = state.muted;
  }

  async #drained(id: number): Promise<void> {
    const target = this.#models.target(id);
    if (target === undefined) return;
    await this.#holds.released(target);
    await this.#batcher.drained(target.processing?.model ?? target);
  }

  async #infer(asked: ForwardedRequest): Promise<InferResponse> {
    const plane = await this.#plane;
    if (plane === undefined) throw new ServingError('unavailable', 'Server not ready');
    return this.#forwarded.run(plane.infer, asked);
  }

  async #observe(): Promise<ThreadObservation> {
    const plane = await this.#plane?.catch(() => undefined);
    return {
      thread: threadName(this.#setup.index),
      failures: this.#failures.read(),
      transports: plane?.counters() ?? [],
      runtime: this.#runtime?.read(),
      predictions: plane?.predictions(),
      exemplars: plane?.exemplars() ?? [],
      exporters: plane?.exporters() ?? [],
    };
  }

  async #drain(graceMs: number): Promise<void> {
    // Listeners that could not be opened leave nothing behind.
    const plane = await this.#plane?.catch(() => undefined);
    await plane?.drain(graceMs);
  }

  async #finish(): Promise<void> {
    try {
      await this.#drain(0);
      await this.#models[Symbol.asyncDispose]();
    } finally {
      this.#runtime?.[Symbol.dispose]();
      this.#batcher[Symbol.dispose]();
      this.#authenticator[Symbol.dispose]();
      this.#end.close();
    }
  }
}

/** One port of each kind for all threads; a Unix socket has no way to be shared and belongs to the first. */
function withPorts(
  { index, options }: IoThreadSetup,
  { port, httpPort }: ListenPorts,
): IoThreadSetup['options'] {
  const grpc = { ...options.grpc, port };
  const http = { ...options.http, port: httpPort };
  if (index > 0) {
    delete grpc.unixSocket;
    delete http.unixSocket;
  }
  return { ...options, grpc, http };
}
