import type { MetricOutcome, MetricReport } from '../inference/arm-metrics.ts';
import type { Target } from '../inference/target.ts';
import type { ArmReading, TrafficSplit, TrafficSplits } from '../inference/traffic-split.ts';
import { ArmCounts } from './arm-counts.ts';
import { Experiment, type AnswerWatcher, type ExperimentTools } from './experiment.ts';
import { KeptArms } from './kept-arms.ts';
import { reportMetric } from './report-metric.ts';
import { Shadow } from './shadow.ts';

/** The experiments that one thread takes part in. Empty on most servers, and then it costs a request nothing but a look at `size`. */
export class Experiments {
  readonly #tools: ExperimentTools;
  #byModel: ReadonlyMap<string, Experiment> = new Map();
  /** By model, experiment, label and version: an arm keeps its counts while its weight changes. */
  #counts: ReadonlyMap<string, ArmCounts> = new Map();
  /** By model: which arms requests met, of rollouts that ask for reported metrics. */
  #kept: ReadonlyMap<string, KeptOfRollout> = new Map();
  /** Of shadows. */
  #shadows: ReadonlyMap<string, ShadowArm> = new Map();

  constructor(tools: ExperimentTools) {
    this.#tools = tools;
  }

  /** Models with an experiment. */
  get size(): number {
    return this.#byModel.size;
  }

  get(model: string): Experiment | undefined {
    return this.#byModel.get(model);
  }

  /** What serves a model when nobody chooses; undefined for models without an experiment. */
  baseline(model: string): Target | undefined {
    return this.#byModel.get(model)?.target;
  }

  /** Swaps them as a whole. What stays the same goes on undisturbed. */
  publish(splits: TrafficSplits): void {
    const counts = new Map<string, ArmCounts>();
    const shadows = new Map<string, ShadowArm>();
    const byModel = new Map<string, Experiment>();
    const keptOf = new Map<string, KeptOfRollout>();
    for (const [model, split] of splits) {
      const countsOf = (label: string, version: string): ArmCounts => {
        const key = keyOf(model, split, label, version);
        const found = this.#counts.get(key) ?? new ArmCounts();
        counts.set(key, found);
        return found;
      };
      const watcher = this.#shadowOf(model, split, countsOf, shadows);
      const kept = this.#keptOf(model, split, keptOf);
      const parts = { counts: countsOf, tools: this.#tools, watcher, kept };
      byModel.set(model, new Experiment(model, split, parts));
    }
    this.#counts = counts;
    this.#shadows = shadows;
    this.#kept = keptOf;
    this.#byModel = byModel;
  }

  read(): ArmReading[] {
    const live = Array.from(this.#byModel.values(), (experiment) => experiment.read()).flat();
    const shadows = Array.from(this.#shadows.values(), ({ model, split, counts }) =>
      counts.read(model, {
        experiment: split.experiment,
        arm: split.shadow?.label ?? '',
        version: split.shadow?.version ?? '',
      }),
    );
    return [...live, ...shadows];
  }

  /** Of the requests that this thread answered. @throws as `reportMetric`. */
  report(report: MetricReport): MetricOutcome {
    const { model, entries } = report;
    const experiment = this.#byModel.get(model);
    if (experiment === undefined) return { used: 0, unknown: [], repeated: 0, unused: entries.length };
    const { split } = experiment;
    const arms = split.shadow === undefined ? split.arms : [...split.arms, split.shadow];
    return reportMetric(report, {
      experiment,
      kept: this.#kept.get(model)?.arms,
      counts: (label) => {
        const arm = arms.find((known) => known.label === label);
        return arm && this.#counts.get(keyOf(model, split, label, arm.version));
      },
    });
  }

  #keptOf(model: string, split: TrafficSplit, all: Map<string, KeptOfRollout>): KeptArms | undefined {
    const { experiment, metrics } = split;
    if (metrics.length === 0) return undefined;
    const before = this.#kept.get(model);
    const found = before?.experiment === experiment ? before : { experiment, arms: new KeptArms() };
    all.set(model, found);
    return found.arms;
  }

  #shadowOf(
    model: string,
    split: TrafficSplit,
    countsOf: (label: string, version: string) => ArmCounts,
    shadows: Map<string, ShadowArm>,
  ): AnswerWatcher | undefined {
    const { shadow } = split;
    if (shadow === undefined) return undefined;
    const counts = countsOf(shadow.label, shadow.version);
    shadows.set(model, { model, split, counts });
    return new Shadow(model, { ...split, shadow }, counts, this.#tools);
  }
}

interface KeptOfRollout {
  readonly experiment: string;
  readonly arms: KeptArms;
}

function keyOf(model: string, { experiment }: TrafficSplit, label: string, version: string): string {
  return JSON.stringify([model, experiment, label, version]);
}

interface ShadowArm {
  readonly model: string;
  readonly split: TrafficSplit;
  readonly counts: ArmCounts;
}
