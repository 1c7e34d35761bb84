import { ServingError } from '../errors.ts';
import type { CallContext } from '../inference/call-context.ts';
import type { Logger } from '../inference/logger.ts';
import type { ModelSpec } from '../inference/model-spec.ts';
import type { DriftPlan, Look, Monitor, MonitoringPlan } from '../inference/monitoring.ts';
import type { InferRequest } from '../inference/request.ts';
import type { InferResponse } from '../inference/response.ts';
import type { Clock } from '../util/clock.ts';
import { printable } from '../util/printable.ts';
import { columnsOf, vectorsOf, type VectorTensor } from './columns.ts';
import { ColumnWatch } from './column-watch.ts';
import type { DriftWindow } from './drift-watch.ts';
import { EmbeddingWatch } from './embedding-watch.ts';
import { FeedbackWatch } from './feedback-watch.ts';
import { KeptPredictions } from './kept-predictions.ts';
import { profileSchema, type EmbeddingProfile, type FeatureProfile, type Profile } from './profile.ts';
import type { StoredVersion } from './stored-version.ts';
import { mostRowsKept, RequestSampler, type Sighting } from './request-sampler.ts';

/** Something that people, or what trains the model, should know of. */
export interface MonitorEvent {
  readonly kind: 'drift' | 'drift_ended' | 'quality_below_baseline' | 'quality_recovered' | 'quality_changed';
  readonly model: string;
  readonly version: string;
  readonly details: object;
}

export interface VersionMonitorTools {
  /** Predictions that wait for labels, where some are there; otherwise none are at first. */
  readonly kept?: KeptPredictions | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onEvent: (event: MonitorEvent) => void;
}

/** Watches the requests and answers of one version of a model: its labels, and whether its data have changed. */
export class VersionMonitor implements Monitor {
  readonly model: string;
  readonly version: string;
  readonly feedback: FeedbackWatch | undefined;
  /** Of what the model is asked, and what it answers. */
  readonly inputs: ColumnWatch | undefined;
  readonly answers: ColumnWatch | undefined;
  /** Of both, what is compared as whole vectors. */
  readonly embeddings: readonly EmbeddingWatch[];
  readonly #tools: VersionMonitorTools;
  readonly #sampler: RequestSampler;
  readonly #width: number;
  #drifting = false;
  /** Answers that could not be looked at. */
  #failures = 0;
  #dropped = 0;
  #revision = 0;

  /** @throws ServingError invalid_argument for a profile that is none, or of other features. */
  constructor(spec: ModelSpec, plan: MonitoringPlan, tools: VersionMonitorTools) {
    this.model = spec.name;
    this.version = spec.version;
    this.#tools = tools;
    this.#sampler = new RequestSampler(spec, plan, {
      clock: tools.clock,
      share: 1,
      onSighting: (sighting) => this.take(sighting),
      onFailure: (error) => this.failed(1, error),
    });
    const { model, version } = this;
    const classes = spec.features?.classes ?? [];
    this.feedback =
      plan.feedback &&
      new FeedbackWatch(plan.feedback, {
        classes,
        kept: tools.kept ?? new KeptPredictions(plan.feedback.keepRequests, plan.feedback.keepMs),
        onEvent: (event) => tools.onEvent({ ...event, model, version }),
      });
    const { names } = columnsOf(spec, plan.drift);
    this.#width = names.length;
    const vectors = vectorsOf(spec, plan.drift);
    const profile = plan.drift && readProfile(spec, plan.drift, { names, vectors });
    this.inputs = plan.drift && this.#watch(plan.drift, names, profile?.features);
    this.embeddings = vectors.map((tensor) =>
      this.#watchVectors(tensor, vectors.length, { plan: plan.drift, profile }),
    );
    this.answers = plan.drift && this.#watch(plan.drift, ['prediction', 'confidence'], undefined);
  }

  /** Changes with what is to be kept. */
  get revision(): number {
    return this.#revision;
  }

  /** Labels were taken. */
  labelled(): void {
    this.#revision++;
    this.feedback?.settle();
  }

  save(): StoredVersion {
    const [feedback, inputs, answers] = [this.feedback?.save(), this.inputs?.save(), this.answers?.save()];
    const embeddings = this.embeddings.map((watch) => watch.save()).filter((saved) => saved !== undefined);
    return {
      drifting: this.#drifting,
      ...(feedback === undefined ? {} : { feedback }),
      ...(inputs === undefined ? {} : { inputs }),
      ...(answers === undefined ? {} : { answers }),
      ...(embeddings.length === 0 ? {} : { embeddings }),
    };
  }

  /** Of a version with the same fingerprint, into a monitor that has seen nothing. */
  restore({ drifting, feedback, inputs, answers, embeddings = [] }: StoredVersion): void {
    this.#drifting = drifting;
    if (feedback !== undefined) this.feedback?.restore(feedback);
    if (inputs !== undefined) this.inputs?.restore(inputs);
    if (answers !== undefined) this.answers?.restore(answers);
    for (const stored of embeddings) {
      this.embeddings.find((watch) => isOf(stored.profile, watch.tensor))?.restore(stored);
    }
  }

  get dropped(): number {
    return this.#dropped;
  }

  get failures(): number {
    return this.#failures;
  }

  #watchVectors(
    tensor: VectorTensor,
    tensors: number,
    { plan, profile }: { readonly plan: DriftPlan | undefined; readonly profile: Profile | undefined },
  ): EmbeddingWatch {
    if (plan === undefined) throw new Error('bug: vectors are watched where nothing is');
    return new EmbeddingWatch({
      tensor,
      profile: profile?.embeddings?.find((each) => isOf(each, tensor)),
      firstRows: plan.firstRows,
      windowMs: plan.windowMs,
      windowRows: plan.windowRows,
      tensors,
      nowMs: this.#tools.clock.epochMs(),
      onWindow: () => this.#noteDrift(),
    });
  }

  choose(request: InferRequest, nowMs: number): Look | undefined {
    return this.#sampler.choose(request, nowMs);
  }

  watch(look: Look, request: InferRequest, response: InferResponse, call: CallContext): void {
    this.#sampler.watch(look, request, response, call);
  }

  /** Of any thread. */
  take({ principal, id, atMs, predictions, rows, numbers, texts, vectors }: Sighting): void {
    this.#revision++;
    if (predictions.length > 0 && predictions.length <= mostRowsKept) {
      this.feedback?.predicted(principal, id, predictions, atMs);
    }
    for (const [index, values] of vectors.entries()) this.#takeVectors(this.embeddings[index], values, atMs);
    const { inputs, answers } = this;
    if (inputs === undefined || answers === undefined) return;
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < this.#width; column++) {
        const at = row * this.#width + column;
        const text = texts?.[at];
        if (text === undefined) inputs.number(column, numbers[at] ?? Number.NaN);
        else inputs.text(column, text);
      }
      inputs.endRow(atMs);
      const prediction = predictions[row];
      if (prediction === undefined) continue;
      if (prediction.kind === 'number') answers.number(0, prediction.value);
      else {
        answers.text(0, prediction.value);
        if (!Number.isNaN(prediction.confidence)) answers.number(1, prediction.confidence);
      }
      answers.endRow(atMs);
    }
  }

  /** So many requests came at once that some were not looked at. */
  drop(count: number): void {
    this.#dropped += count;
  }

  /** Answers could not be looked at, on any thread. */
  failed(count: number, error: unknown): void {
    const first = this.#failures === 0;
    this.#failures += count;
    const { model, version } = this;
    if (first) this.#tools.logger.error({ model, version, cause: error }, 'not monitored');
  }

  #watch(
    plan: DriftPlan,
    names: readonly string[],
    reference: readonly FeatureProfile[] | undefined,
  ): ColumnWatch {
    return new ColumnWatch({
      names,
      reference,
      firstRows: plan.firstRows,
      windowMs: plan.windowMs,
      windowRows: plan.windowRows,
      nowMs: this.#tools.clock.epochMs(),
      onWindow: () => this.#noteDrift(),
    });
  }

  #takeVectors(watch: EmbeddingWatch | undefined, values: Float32Array, atMs: number): void {
    if (watch === undefined) return;
    const { width } = watch.tensor;
    for (let at = 0; at + width <= values.length; at += width)
      watch.add(values.subarray(at, at + width), atMs);
  }

  #noteDrift(): void {
    const windows = [this.inputs?.last, this.answers?.last];
    const vectors = this.embeddings
      .filter(({ last }) => last?.drifted === true)
      .map(({ tensor }) => tensor.name);
    const drifted = [...windows.flatMap((window) => driftedFeatures(window)), ...vectors];
    if (drifted.length > 0 === this.#drifting) return;
    this.#drifting = drifted.length > 0;
    const { model, version } = this;
    this.#tools.onEvent({
      kind: this.#drifting ? 'drift' : 'drift_ended',
      model,
      version,
      details: { features: drifted, dataset: windows.some((window) => window?.drifted === true) },
    });
  }
}

function isOf({ name, width }: EmbeddingProfile, tensor: VectorTensor): boolean {
  return name === tensor.name && width === tensor.width;
}

function driftedFeatures(window: DriftWindow | undefined): readonly string[] {
  return window?.features.filter(({ drifted }) => drifted).map(({ name }) => name) ?? [];
}

/** undefined where the reference is to be made of the first rows. */
function readProfile(
  spec: ModelSpec,
  { profile }: DriftPlan,
  { names, vectors }: { readonly names: readonly string[]; readonly vectors: readonly VectorTensor[] },
): Profile | undefined {
  if (profile === undefined) return undefined;
  const result = profileSchema.safeParse(profile);
  const wrong = (problem: string): ServingError =>
    new ServingError('invalid_argument', `profile of model '${spec.name}': ${problem}`.slice(0, 1000), {
      reason: 'MODEL_PROFILE',
    });
  if (!result.success) {
    const [issue] = result.error.issues;
    throw wrong(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'it is no profile'}`);
  }
  const { features, embeddings = [] } = result.data;
  const all = [...names, ...vectors.map(({ name }) => name)];
  if (![...features, ...embeddings].some(({ name }) => all.includes(name))) {
    throw wrong(`none of its features is one of the model's (${all.slice(0, 10).join(', ')})`);
  }
  for (const { name, width } of embeddings) {
    const own = vectors.find((vector) => vector.name === name);
    if (own !== undefined && own.width !== width) {
      throw wrong(`its vectors of '${printable(name)}' have ${width} numbers, and the model's ${own.width}`);
    }
  }
  return result.data;
}
