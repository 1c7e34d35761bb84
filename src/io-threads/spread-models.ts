import type { SessionPlan } from '../inference/executor.ts';
import type { Target } from '../inference/target.ts';
import type { ModelCounters } from '../models/version-state.ts';
import { createSharedStatistics } from '../observability/shared-statistics.ts';
import { ModelStatistics } from '../observability/statistics.ts';
import type { Clock } from '../util/clock.ts';
import { SpreadModel } from './spread-model.ts';
import type { ThreadLink } from './thread-link.ts';

export interface SpreadModelsOptions {
  readonly clock: Clock;
  /** How many I/O threads there are to be, lost ones included. */
  readonly threads: number;
  /** Those that are there. */
  readonly links: () => readonly ThreadLink[];
}

/** All model versions with sessions in the I/O threads, and the memory in which the threads count their requests. */
export class SpreadModels {
  readonly #options: SpreadModelsOptions;
  readonly #models = new Set<SpreadModel>();
  readonly #memories = new WeakMap<object, readonly SharedArrayBuffer[]>();
  #nextId = 0;

  constructor(options: SpreadModelsOptions) {
    this.#options = options;
  }

  /** @param plan undefined for an ensemble, which has no sessions. */
  async open(plan: SessionPlan | undefined): Promise<SpreadModel> {
    const closed = (model: SpreadModel): void => void this.#models.delete(model);
    const model = new SpreadModel(this.#nextId++, plan, this.#options.links, closed);
    this.#models.add(model);
    try {
      await model.open();
      return model;
    } catch (error) {
      await model[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Opens all of them in one thread that was started later. */
  async openIn(link: ThreadLink): Promise<void> {
    await Promise.all(Array.from(this.#models, ({ id, plan }) => link.open(id, plan)));
  }

  of(target: Target): SpreadModel {
    for (const model of this.#models) if (model.executors === target.executors) return model;
    throw new Error('bug: a target has sessions that no thread opened');
  }

  createStatistics(name: string, version: string): ModelCounters {
    const { clock, threads } = this.#options;
    const memories = Array.from({ length: threads }, () => new SharedArrayBuffer(ModelStatistics.sizeBytes));
    const counters = createSharedStatistics({ name, version, clock, memories, writer: undefined });
    this.#memories.set(counters, memories);
    return counters;
  }

  /** Of its statistics, one for each thread. */
  memoriesOf(target: Target): readonly SharedArrayBuffer[] {
    return this.#memories.get(target.statistics) ?? [];
  }
}
