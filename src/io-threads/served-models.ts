import { ServingError } from '../errors.ts';
import type { ModelCatalog } from '../inference/catalog.ts';
import { openEnsemble } from '../ensembles/open-ensemble.ts';
import { ensembleRules } from '../ensembles/rules.ts';
import type { BatchResult, OpenedModel, OpenModel } from '../inference/executor.ts';
import type { ModelSpec } from '../inference/model-spec.ts';
import type { Router, Target } from '../inference/target.ts';
import { createCatalog } from '../models/catalog.ts';
import { ModelTable } from '../models/model-table.ts';
import { stepStatistics } from '../models/step-statistics.ts';
import type { ReadableVersion, VersionState } from '../models/version-state.ts';
import { createSharedStatistics } from '../observability/shared-statistics.ts';
import { Experiments } from '../routing/experiments.ts';
import { createRouter } from '../routing/router.ts';
import type { Clock } from '../util/clock.ts';
import type { ThreadMonitors } from './thread-monitors.ts';
import type { NewSteps, NewTarget, Opened, Publication, PublishedState, ThreadCalls } from './messages.ts';

export interface ServedModelsOptions {
  /** The thread's index: which memory of statistics it writes. */
  readonly index: number;
  readonly openModel: OpenModel;
  readonly clock: Clock;
  readonly monitors: ThreadMonitors;
  readonly onNotBatchable: (target: Target, reason: string) => void;
}

/** The models of one I/O thread: its own sessions, and targets over them as the main thread publishes them. */
export class ServedModels implements AsyncDisposable {
  readonly router: Router;
  readonly experiments: Experiments;
  readonly catalog: ModelCatalog;
  readonly #options: ServedModelsOptions;
  readonly #table = new ModelTable(ensembleRules.problem);
  readonly #opened = new Map<number, OpenedModel>();
  readonly #served = new Map<number, ReadableVersion>();
  #ready = false;
  #starting = true;

  constructor(options: ServedModelsOptions) {
    this.#options = options;
    this.experiments = new Experiments({
      clock: options.clock,
      random: Math.random,
      ready: (model, version) => this.#table.routes.get(model)?.ready.get(version),
    });
    this.router = createRouter(
      () => this.#table.routes,
      this.experiments,
      () => !this.#starting,
    );
    this.catalog = createCatalog({ table: this.#table, router: this.router, ready: () => this.#ready });
  }

  /** The target over the sessions of that number, while they are open and published. */
  target(id: number): Target | undefined {
    return this.#served.get(id)?.target;
  }

  async open({ id, plan }: Parameters<ThreadCalls['open']>[0]): Promise<Opened> {
    const opened = await (plan === undefined ? openEnsemble() : this.#options.openModel(plan));
    this.#opened.set(id, opened);
    const { metadata, executors, processing } = opened;
    const counted = { metadata, executors: executors.length };
    return processing === undefined ? counted : { ...counted, declaration: processing.declaration };
  }

  async close(id: number): Promise<void> {
    const opened = this.#opened.get(id);
    this.#opened.delete(id);
    this.#served.delete(id);
    await opened?.[Symbol.asyncDispose]();
  }

  async run({ id, executor, batch }: Parameters<ThreadCalls['run']>[0]): Promise<BatchResult> {
    const found = this.#opened.get(id)?.executors[executor];
    if (found === undefined) throw new ServingError('unavailable', 'the model is not open here');
    return found.run(batch);
  }

  /** Swaps what is routed to as a whole. */
  publish({ ready, starting, models, added, splits }: Publication): void {
    for (const target of added) this.#serve(target);
    this.#ready = ready;
    this.#starting = starting;
    this.#table.models.clear();
    for (const { versions, ...model } of models) {
      const states = new Map(Array.from(versions, ([version, state]) => [version, this.#stateOf(state)]));
      this.#table.models.set(model.name, { ...model, versions: states });
    }
    this.experiments.publish(splits);
    this.#table.changed();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(Array.from(this.#opened.keys(), (id) => this.close(id)));
  }

  #serve({
    ensemble,
    steps,
    processed,
    id,
    spec,
    scheduling,
    rehearsed,
    sample,
    config,
    memories,
    batchingOffReason,
  }: NewTarget): void {
    const opened = this.#opened.get(id);
    if (opened === undefined) throw new Error('bug: a target was published before its sessions were open');
    const { index, clock, monitors, onNotBatchable } = this.#options;
    const { name, version } = spec;
    const counters = createSharedStatistics({ name, version, clock, memories, writer: index });
    // An earlier thread of this number may have been lost with requests in its queue.
    counters.setPending(0);
    const { executors } = opened;
    const monitor = monitors.create(id, spec);
    const counted = { spec, scheduling, executors, statistics: counters };
    const own: Target = { ...counted, ensemble, rehearsed, sample, monitor };
    const stepped = steps === undefined ? own : withSteps(own, steps);
    const target = processed === undefined ? stepped : withModule(stepped, processed, opened);
    const model = target.sequences?.model ?? target.processing?.model ?? target;
    if (batchingOffReason !== '') onNotBatchable(model, batchingOffReason);
    this.#served.set(id, { target, config, counters });
  }

  #stateOf(state: PublishedState): VersionState<ReadableVersion> {
    if (state.kind !== 'ready') return state;
    const served = this.#served.get(state.id);
    if (served === undefined) throw new Error('bug: a state was published before its target');
    return { kind: 'ready', served, problem: state.problem };
  }
}

function withSteps(target: Target, { plan, spec }: NewSteps): Target {
  const model = { ...target, spec, statistics: stepStatistics(target.statistics) };
  return { ...target, sequences: { ...plan, model } };
}

function withModule(target: Target, spec: ModelSpec, { processing }: OpenedModel): Target {
  if (processing === undefined) throw new Error('bug: a module was published that is not open');
  const model = { ...target, spec, statistics: stepStatistics(target.statistics) };
  return { ...target, processing: { ...processing, model } };
}
