import type { Batch, BatchTensor } from '../inference/executor.ts';
import type { ModelSpec, TensorSpec } from '../inference/model-spec.ts';
import type { InferRequest } from '../inference/request.ts';
import { padRows } from './pad-rows.ts';
import type { InputRule, PaddingPlan } from './padding-plan.ts';

/** A request that is to be part of a batch. */
export interface Member {
  readonly request: InferRequest;
  readonly rows: number;
}

/** How a batch is padded, and to which sizes. */
export interface BatchPadding {
  readonly plan: PaddingPlan;
  readonly sizes: readonly number[];
}

/**
 * Joins the inputs of requests of one lane along dimension 0: by reference, the executor makes the one copy.
 *
 * @param entries At least one; more than one only where the model has a batch dimension.
 * @param padding undefined when the requests differ in nothing but their rows.
 */
export function assembleBatch(
  spec: ModelSpec,
  entries: readonly Member[],
  outputs: readonly string[],
  padding: BatchPadding | undefined,
): Batch {
  const first = entries[0];
  if (first === undefined) throw new Error('bug: a batch without requests');
  let rows = 0;
  for (const entry of entries) rows += entry.rows;
  const inputs: BatchTensor[] = [];
  for (let i = 0; i < first.request.inputs.length; i++) {
    const rule = padding?.plan.inputRule(i);
    if (padding === undefined || rule === undefined) inputs.push(joinInput(spec, entries, i, rows));
    else inputs.push(padInput(entries, i, rule, { rows, size: padding.sizes[rule.size] ?? 0 }));
  }
  return { inputs, outputs, rows };
}

function padInput(
  entries: readonly Member[],
  index: number,
  { axis, fill }: InputRule,
  { rows, size }: { readonly rows: number; readonly size: number },
): BatchTensor {
  const tensor = entries[0]?.request.inputs[index];
  if (tensor === undefined) throw new Error('bug: a batch without requests');
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  for (const { request } of entries) {
    const own = request.inputs[index];
    if (own === undefined) throw new Error('bug: requests of one lane differ in their inputs');
    sizeBytes += padRows(own, { axis, size, fill }, parts);
  }
  const { name, datatype } = tensor;
  return { name, datatype, shape: tensor.shape.with(0, rows).with(axis, size), parts, sizeBytes };
}

/** One input of a batch, whose requests have it in one size. */
export function joinInput(
  spec: ModelSpec,
  entries: readonly Member[],
  index: number,
  rows: number,
): BatchTensor {
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  for (const entry of entries) {
    const data = entry.request.inputs[index]?.data;
    if (data === undefined) throw new Error('bug: requests of one lane differ in their inputs');
    parts.push(data);
    sizeBytes += data.byteLength;
  }
  const tensor = entries[0]?.request.inputs[index];
  if (tensor === undefined) throw new Error('bug: a batch without requests');
  const batched = spec.maxBatchSize > 0;
  const reshaped = spec.inputsByName.get(tensor.name);
  let shape: readonly number[] = tensor.shape;
  if (reshaped?.reshape !== undefined) shape = inputShape(reshaped, tensor.shape, batched);
  if (batched && shape[0] !== rows) shape = shape.with(0, rows);
  return { name: tensor.name, datatype: tensor.datatype, shape, parts, sizeBytes };
}

/** What the client calls [batch, ...dims], the model wants as [batch, ...reshape]. */
function inputShape(spec: TensorSpec, shape: readonly number[], batched: boolean): readonly number[] {
  return changeDims(shape, spec.dims, spec.reshape ?? spec.dims, batched);
}

/** The way back for an output: what the model gives as [batch, ...reshape], the client gets as [batch, ...dims]. */
export function outputShape(spec: TensorSpec, shape: readonly number[], batched: boolean): readonly number[] {
  return changeDims(shape, spec.reshape ?? spec.dims, spec.dims, batched);
}

/** Replaces the dims of `from` by those of `to`; the variable ones keep their sizes, in order of appearance. */
function changeDims(
  shape: readonly number[],
  from: readonly number[],
  to: readonly number[],
  batched: boolean,
): readonly number[] {
  const offset = batched ? 1 : 0;
  const variable: number[] = [];
  for (const [i, dim] of from.entries()) if (dim === -1) variable.push(shape[i + offset] ?? 1);
  const changed = shape.slice(0, offset);
  let taken = 0;
  for (const dim of to) changed.push(dim === -1 ? (variable[taken++] ?? 1) : dim);
  return changed;
}
