import type { Front } from '../../inference/front.ts';
import type { ModelSpec } from '../../inference/model-spec.ts';
import type { PredictionPlan } from '../../inference/plan-prediction.ts';
import type { InferRequest } from '../../inference/request.ts';
import type { InferResponse } from '../../inference/response.ts';
import { anonymise, type RecordValue } from './anonymise.ts';
import type { ModelPlan, Rule } from './plan.ts';
import type { Pseudonyms } from './pseudonyms.ts';
import { outcomePlan, readOutcome } from './read-outcome.ts';
import { readElement, readRow, type RowValue } from './read-row.ts';

/** A request that was answered. Its tensors are referred to until records are made of it. */
export interface Answered {
  readonly plan: ModelPlan;
  readonly spec: ModelSpec;
  readonly request: InferRequest;
  readonly response: InferResponse;
  readonly epochMs: number;
  /** From the last byte of the request to its answer. */
  readonly latencyMs: number;
  readonly front: Front;
  readonly experiment: string;
  readonly arm: string;
  /** Of its inputs and outputs. */
  readonly sizeBytes: number;
}

/** What is written of one row. docs/prediction-log.md lists the fields. */
export interface PredictionRecord {
  readonly time: string;
  readonly model: string;
  readonly version: string;
  readonly experiment?: string;
  readonly arm?: string;
  readonly id?: string;
  readonly front: Front;
  readonly row: number;
  readonly rows: number;
  readonly inputHash?: string;
  readonly subject?: string;
  readonly features: Readonly<Record<string, RecordValue>>;
  readonly prediction: RecordValue;
  readonly confidence: number | null;
  readonly latencyMs: number;
  /** Left out unless a value has more elements or characters than are written. */
  readonly truncated?: true;
}

interface FeaturePlace {
  readonly name: string;
  readonly input: string;
  /** Of the element in its row; -1 for the whole row. */
  readonly index: number;
}

/** What a plan means for one version of the model. */
export interface CompiledPlan {
  readonly features: readonly (FeaturePlace & { readonly rule: Rule })[];
  readonly subject: FeaturePlace | undefined;
  readonly outcome: PredictionPlan;
  /** Features that the plan names and the model does not have. */
  readonly unknown: readonly string[];
}

export function compilePlan(plan: ModelPlan, spec: ModelSpec): CompiledPlan {
  const unknown: string[] = [];
  const place = (name: string): FeaturePlace | undefined => {
    const found = placeOf(name, spec);
    if (found === undefined) unknown.push(name);
    return found;
  };
  return {
    features: Array.from(plan.features).flatMap(([name, rule]) => {
      const found = place(name);
      return found === undefined || rule.kind === 'drop' ? [] : [{ ...found, rule }];
    }),
    subject: plan.subject?.from === 'feature' ? place(plan.subject.name) : undefined,
    outcome: outcomePlan(spec),
    unknown,
  };
}

function placeOf(name: string, { features, inputs }: ModelSpec): FeaturePlace | undefined {
  const listed = features?.features ?? [];
  const at = listed.findIndex((feature) => feature.name === name);
  const feature = listed[at];
  if (feature !== undefined) {
    const index = listed.slice(0, at).filter(({ input }) => input === feature.input).length;
    return { name, input: feature.input, index };
  }
  return inputs.some((input) => input.name === name) ? { name, input: name, index: -1 } : undefined;
}

/** One record for each row, up to the plan's limit. */
export async function recordsOf(
  answered: Answered,
  compiled: CompiledPlan,
  pseudonyms: Pseudonyms,
): Promise<readonly PredictionRecord[]> {
  const { plan, request, epochMs } = answered;
  const rows = rowsOf(answered);
  const inputHash = plan.inputHash ? await hashOfInputs(request, epochMs, pseudonyms) : undefined;
  return Array.from({ length: Math.min(rows, plan.maxRows) }, (_, row) =>
    recordOf(answered, compiled, { row, rows, inputHash, pseudonyms }),
  );
}

/** How many records a request would be without a limit. */
export function rowsOf({ spec, request, response }: Answered): number {
  if (spec.maxBatchSize === 0) return 1;
  return response.outputs[0]?.shape[0] ?? request.inputs[0]?.shape[0] ?? 1;
}

interface RowContext {
  readonly row: number;
  readonly rows: number;
  readonly inputHash: string | undefined;
  readonly pseudonyms: Pseudonyms;
}

function recordOf(answered: Answered, compiled: CompiledPlan, context: RowContext): PredictionRecord {
  const { spec, request, response, plan, epochMs } = answered;
  const { row, rows, inputHash, pseudonyms } = context;
  const { features, truncated } = featuresOf(answered, compiled, context);
  const outcome = readOutcome(compiled.outcome, response, row, rows);
  const subject = subjectOf(answered, compiled, context);
  const { experiment, arm } = answered;
  const id =
    plan.requestId === 'keep'
      ? request.id.slice(0, maxIdLength)
      : hashedId(plan, request, epochMs, pseudonyms);
  return {
    time: new Date(epochMs).toISOString(),
    model: spec.name,
    version: spec.version,
    ...(experiment === '' ? {} : { experiment }),
    ...(arm === '' ? {} : { arm }),
    ...(id === '' ? {} : { id }),
    front: answered.front,
    row,
    rows,
    ...(inputHash === undefined ? {} : { inputHash }),
    ...(subject === undefined ? {} : { subject }),
    features,
    prediction: outcome.prediction,
    confidence: outcome.confidence,
    latencyMs: Number(answered.latencyMs.toFixed(3)),
    ...(truncated || outcome.truncated ? { truncated: true } : {}),
  };
}

/** Clients choose ids; nothing says how long they are. */
const maxIdLength = 256;

function hashedId(plan: ModelPlan, { id }: InferRequest, epochMs: number, pseudonyms: Pseudonyms): string {
  return plan.requestId === 'drop' || id === '' ? '' : pseudonyms.hash(epochMs, 'id', id);
}

function featuresOf(
  { request, epochMs }: Answered,
  compiled: CompiledPlan,
  { row, rows, pseudonyms }: RowContext,
): { readonly features: Record<string, RecordValue>; readonly truncated: boolean } {
  const found: (readonly [string, RecordValue])[] = [];
  let truncated = false;
  for (const { name, rule, ...place } of compiled.features) {
    const read = readFeature(request, place, row, rows);
    if (read === undefined) continue;
    const hash = (value: string): string => pseudonyms.hash(epochMs, `feature\0${name}`, value);
    const values = read.elements.map((value) => anonymise(rule, value, hash));
    const written = values.filter((value) => value !== undefined);
    if (written.length < values.length) continue;
    truncated ||= read.truncated;
    const [only = null] = written;
    found.push([name, written.length === 1 ? only : written]);
  }
  return { features: Object.fromEntries(found), truncated };
}

function readFeature(
  { inputs }: InferRequest,
  { input, index }: Pick<FeaturePlace, 'input' | 'index'>,
  row: number,
  rows: number,
): RowValue | undefined {
  const tensor = inputs.find(({ name }) => name === input);
  if (tensor === undefined) return undefined;
  return index < 0 ? readRow(tensor, row, rows) : readElement(tensor, row, rows, index);
}

/** undefined where the request does not name one: there is nothing then to erase it by. */
function subjectOf(
  { plan, request }: Answered,
  { subject }: CompiledPlan,
  { row, rows, pseudonyms }: RowContext,
): string | undefined {
  if (plan.subject?.from === 'parameter') {
    const value = request.parameters.get(plan.subject.name);
    return value === undefined || value === '' ? undefined : pseudonyms.subject(String(value));
  }
  if (subject === undefined) return undefined;
  const [value = null] = readFeature(request, subject, row, rows)?.elements ?? [];
  return value === null || value === '' ? undefined : pseudonyms.subject(String(value));
}

/** Over names, datatypes, shapes and data: equal for equal inputs of a model while the salt is the same. */
function hashOfInputs({ inputs }: InferRequest, epochMs: number, pseudonyms: Pseudonyms): Promise<string> {
  const parts = inputs.flatMap(({ name, datatype, shape, data }) => [
    Buffer.from(JSON.stringify([name, datatype, shape, data.length])),
    data,
  ]);
  return pseudonyms.hashBytes(epochMs, [Buffer.from('inputs\0'), ...parts]);
}
