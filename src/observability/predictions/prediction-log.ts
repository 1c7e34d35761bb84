import type { ExporterReading } from '../../inference/exporter-breaker.ts';
import type { Logger } from '../../inference/logger.ts';
import type { ModelSpec } from '../../inference/model-spec.ts';
import type { Clock } from '../../util/clock.ts';
import type { ModelPlan, PredictionLogPlan } from './plan.ts';
import { compilePlan, recordsOf, rowsOf, type Answered, type CompiledPlan } from './prediction-record.ts';
import type { Pseudonyms } from './pseudonyms.ts';
import type { SinkCounts, SinkQueue } from './sink-queue.ts';

/** Answers whose records are not made yet. */
const maxPending = 4096;

/** What those hold of requests and answers. */
const maxPendingBytes = 32 * 1024 * 1024;

/** Records are made so long at a time; then requests come first. */
const turnMs = 0.5;

export interface PredictionLogOptions {
  readonly plan: PredictionLogPlan;
  readonly pseudonyms: Pseudonyms;
  readonly sinks: readonly SinkQueue[];
  readonly clock: Clock;
  readonly logger: Logger;
  /** In [0, 1). */
  readonly random: () => number;
  /** Resolves when the event loop has turned. */
  readonly nextTurn: () => Promise<void>;
}

export type DropReason = 'pending' | 'rows' | 'unreadable';

export interface ModelPredictionCounts {
  readonly model: string;
  readonly records: number;
  /** Answers for `pending` and `unreadable`, rows for `rows`. */
  readonly dropped: Readonly<Record<DropReason, number>>;
}

export interface PredictionCounts {
  readonly models: readonly ModelPredictionCounts[];
  readonly sinks: readonly SinkCounts[];
}

interface ModelLog {
  readonly plan: ModelPlan;
  records: number;
  readonly dropped: Record<DropReason, number>;
}

/** Makes records of answers in turns of its own, and hands them to the sinks. Everything that waits has a bound. */
export class PredictionLog implements AsyncDisposable {
  readonly #options: PredictionLogOptions;
  readonly #models: ReadonlyMap<string, ModelLog>;
  readonly #compiled = new WeakMap<ModelSpec, CompiledPlan>();
  #pending: Answered[] = [];
  #pendingCount = 0;
  #pendingBytes = 0;
  #draining: Promise<void> | undefined = undefined;

  constructor(options: PredictionLogOptions) {
    this.#options = options;
    this.#models = new Map(
      Array.from(options.plan.models, ([model, plan]) => [
        model,
        { plan, records: 0, dropped: { pending: 0, rows: 0, unreadable: 0 } },
      ]),
    );
  }

  /** The plan of a model when this answer of it is to be written. */
  choose(model: string): ModelPlan | undefined {
    const found = this.#models.get(model);
    if (found === undefined) return undefined;
    const { plan } = found;
    return plan.sample >= 1 || this.#options.random() < plan.sample ? plan : undefined;
  }

  /** Takes it, or counts it as dropped. Costs its caller no more than that. */
  offer(answered: Answered): void {
    const model = this.#models.get(answered.spec.name);
    if (model === undefined) return;
    const full =
      this.#pendingCount >= maxPending || this.#pendingBytes + answered.sizeBytes > maxPendingBytes;
    if (full || this.#nobodyTakes()) {
      model.dropped.pending += 1;
      return;
    }
    this.#pendingCount += 1;
    this.#pendingBytes += answered.sizeBytes;
    this.#pending.push(answered);
    this.#draining ??= this.#drain().finally(() => {
      this.#draining = undefined;
    });
  }

  counts(): PredictionCounts {
    return {
      models: Array.from(this.#models, ([model, { records, dropped }]) => ({
        model,
        records,
        dropped: { ...dropped },
      })),
      sinks: this.#options.sinks.map((sink) => sink.counts()),
    };
  }

  /** Those of its sinks that send. */
  exporters(): readonly ExporterReading[] {
    return this.#options.sinks.flatMap((sink) => sink.exporter() ?? []);
  }

  /** Writes what was taken. Nothing may be offered any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#draining;
    await Promise.all(this.#options.sinks.map((sink) => sink.close()));
  }

  /** Records would only be made to be dropped. */
  #nobodyTakes(): boolean {
    const { sinks } = this.#options;
    return sinks.length > 0 && sinks.every((sink) => sink.full);
  }

  async #drain(): Promise<void> {
    const { clock, nextTurn } = this.#options;
    await nextTurn();
    let until = clock.now() + turnMs;
    while (this.#pending.length > 0) {
      const batch = this.#pending;
      this.#pending = [];
      for (const answered of batch) {
        await this.#record(answered);
        this.#pendingCount -= 1;
        this.#pendingBytes -= answered.sizeBytes;
        if (clock.now() < until) continue;
        await nextTurn();
        until = clock.now() + turnMs;
      }
    }
  }

  async #record(answered: Answered): Promise<void> {
    const { pseudonyms, sinks, logger } = this.#options;
    const model = this.#models.get(answered.spec.name);
    if (model === undefined) return;
    try {
      const records = await recordsOf(answered, this.#compile(answered), pseudonyms);
      model.records += records.length;
      model.dropped.rows += Math.max(0, rowsOf(answered) - records.length);
      for (const record of records) {
        const written = { record, line: JSON.stringify(record) };
        for (const sink of sinks) sink.add(written);
      }
    } catch (error) {
      if (model.dropped.unreadable === 0) {
        logger.error({ model: answered.spec.name, error }, 'a prediction cannot be logged');
      }
      model.dropped.unreadable += 1;
    }
  }

  #compile({ plan, spec }: Answered): CompiledPlan {
    let compiled = this.#compiled.get(spec);
    if (compiled === undefined) {
      compiled = compilePlan(plan, spec);
      this.#compiled.set(spec, compiled);
      const { unknown: features } = compiled;
      if (features.length > 0) {
        this.#options.logger.warn(
          { model: spec.name, version: spec.version, features },
          'the prediction log names features that the model does not have',
        );
      }
    }
    return compiled;
  }
}
