import { ServingError } from '../errors.ts';
import type { CallContext } from '../inference/call-context.ts';
import type { Logger } from '../inference/logger.ts';
import type { ModelSpec } from '../inference/model-spec.ts';
import type { DriftPlan, Monitor, MonitoringPlan } from '../inference/monitoring.ts';
import type { InferRequest } from '../inference/request.ts';
import type { InferResponse } from '../inference/response.ts';
import type { Clock } from '../util/clock.ts';
import { columnsOf, type InputColumns } from './columns.ts';
import { ColumnWatch } from './column-watch.ts';
import type { DriftWindow } from './drift-watch.ts';
import { FeedbackWatch } from './feedback-watch.ts';
import type { Prediction } from './prediction.ts';
import { profileSchema, type FeatureProfile } from './profile.ts';
import { numbersOf, textsOf } from './read-elements.ts';
import { createPredictionReader, type ReadPredictions } from './read-predictions.ts';

/** Rows of one request whose predictions are kept for labels. */
const mostRowsKept = 64;

/** Something that people, or what trains the model, should know of. */
export interface MonitorEvent {
  readonly kind: 'drift' | 'drift_ended' | 'quality_below_baseline' | 'quality_recovered' | 'quality_changed';
  readonly model: string;
  readonly version: string;
  readonly details: object;
}

export interface VersionMonitorTools {
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
  readonly #tools: VersionMonitorTools;
  readonly #read: ReadPredictions;
  readonly #columns: readonly InputColumns[];
  readonly #hasRows: (shape: readonly number[]) => boolean;
  readonly #rowsPerSecond: number;
  #rowsLeft = 0;
  #filledAt: number;
  #drifting = false;
  /** Answers that could not be looked at. */
  #failures = 0;

  /** @throws ServingError invalid_argument for a profile that is none, or of other features. */
  constructor(spec: ModelSpec, plan: MonitoringPlan, tools: VersionMonitorTools) {
    this.model = spec.name;
    this.version = spec.version;
    this.#tools = tools;
    this.#filledAt = tools.clock.now();
    this.#read = createPredictionReader(spec);
    this.#hasRows = (shape) =>
      spec.maxBatchSize > 0 || spec.inputs.some(({ dims }) => dims[0] === -1 && shape.length > 0);
    const { model, version } = this;
    const classes = spec.features?.classes ?? [];
    this.feedback =
      plan.feedback &&
      new FeedbackWatch(plan.feedback, classes, (event) => tools.onEvent({ ...event, model, version }));
    const { inputs, names } = columnsOf(spec);
    this.#columns = inputs;
    this.#rowsPerSecond = plan.drift?.rowsPerSecond ?? 0;
    this.inputs = plan.drift && this.#watch(plan.drift, names, readProfile(spec, plan.drift, names));
    this.answers = plan.drift && this.#watch(plan.drift, ['prediction', 'confidence'], undefined);
  }

  get failures(): number {
    return this.#failures;
  }

  watch(request: InferRequest, response: InferResponse, call: CallContext): void {
    if (response.outputs.length === 0) return;
    const rows = this.inputs === undefined ? 0 : this.#take(this.#rowsOf(request));
    if (rows === 0 && this.feedback === undefined) return;
    const principal = call.principal.name;
    call.onFinished(() => this.#look(request, response, principal, rows));
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

  /** A request's data is whatever its client sent: what goes wrong here must not reach anybody. */
  #look(request: InferRequest, response: InferResponse, principal: string, rows: number): void {
    try {
      const predictions = this.#read(response, Math.max(rows, mostRowsKept + 1));
      const nowMs = this.#tools.clock.epochMs();
      if (predictions.length > 0 && predictions.length <= mostRowsKept) {
        this.feedback?.predicted(principal, request.id, predictions, nowMs);
      }
      if (rows > 0) this.#count(request, predictions, rows, nowMs);
    } catch (error) {
      this.#failures++;
      const { model, version } = this;
      if (this.#failures === 1) this.#tools.logger.error({ model, version, cause: error }, 'not monitored');
    }
  }

  #count(request: InferRequest, predictions: readonly Prediction[], rows: number, nowMs: number): void {
    const { inputs, answers } = this;
    if (inputs === undefined || answers === undefined) return;
    const readers = this.#columns.map((column) => readerOf(request, column, rows));
    for (let row = 0; row < rows; row++) {
      for (const [index, { first, width }] of this.#columns.entries()) {
        for (let i = 0; i < width; i++) {
          const value = readers[index]?.(row * width + i);
          if (typeof value === 'string') inputs.text(first + i, value);
          else inputs.number(first + i, value ?? Number.NaN);
        }
      }
      inputs.endRow(nowMs);
      const prediction = predictions[row];
      if (prediction === undefined) continue;
      if (prediction.kind === 'number') answers.number(0, prediction.value);
      else {
        answers.text(0, prediction.value);
        if (!Number.isNaN(prediction.confidence)) answers.number(1, prediction.confidence);
      }
      answers.endRow(nowMs);
    }
  }

  #rowsOf({ inputs }: InferRequest): number {
    const name = this.#columns[0]?.name;
    const shape = inputs.find((input) => input.name === name)?.shape;
    if (shape === undefined) return 0;
    return this.#hasRows(shape) ? (shape[0] ?? 0) : 1;
  }

  /** How many of the rows may be looked at now, of those that a second has room for. */
  #take(rows: number): number {
    const now = this.#tools.clock.now();
    const earned = ((now - this.#filledAt) / 1000) * this.#rowsPerSecond;
    this.#rowsLeft = Math.min(this.#rowsLeft + earned, this.#rowsPerSecond);
    this.#filledAt = now;
    const taken = Math.min(rows, Math.floor(this.#rowsLeft));
    this.#rowsLeft -= taken;
    return taken;
  }

  #noteDrift(): void {
    const windows = [this.inputs?.last, this.answers?.last];
    const drifted = windows.flatMap((window) => driftedFeatures(window));
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

function driftedFeatures(window: DriftWindow | undefined): readonly string[] {
  return window?.features.filter(({ drifted }) => drifted).map(({ name }) => name) ?? [];
}

function readerOf(
  request: InferRequest,
  { name, width, texts }: InputColumns,
  rows: number,
): ((index: number) => number | string | undefined) | undefined {
  const tensor = request.inputs.find((input) => input.name === name);
  if (tensor === undefined || tensor.data.length === 0) return undefined;
  if (!texts) return numbersOf(tensor);
  const read = textsOf(tensor, rows * width);
  return (index) => read[index];
}

/** undefined where the reference is to be made of the first rows. */
function readProfile(
  spec: ModelSpec,
  { profile }: DriftPlan,
  names: readonly string[],
): readonly FeatureProfile[] | undefined {
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
  if (!result.data.features.some(({ name }) => names.includes(name))) {
    throw wrong(`none of its features is one of the model's (${names.slice(0, 10).join(', ')})`);
  }
  return result.data.features;
}
