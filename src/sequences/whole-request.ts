import {
  noParameters,
  type InferRequest,
  type Parameter,
  type RequestedOutput,
} from '../inference/request.ts';
import type { InferResponse } from '../inference/response.ts';
import type { SequencePlan, SequenceState } from '../inference/sequence.ts';
import type { Tensor } from '../inference/tensor.ts';
import { correlationElement } from './correlation-id.ts';

/** What a row's controls say. */
export interface Controls {
  readonly start: boolean;
  readonly end: boolean;
  readonly ready: boolean;
  /** undefined for a row of no sequence. */
  readonly id: Parameter | undefined;
}

/** The controls of a row that no sequence has. */
export const noSequence: Controls = { start: false, end: false, ready: false, id: undefined };

/** Everything that the model takes for one row: what the client sent, controls, states. */
export function wholeInputs(
  plan: SequencePlan,
  sent: readonly Tensor[],
  states: readonly Tensor[],
  controls: Controls,
): Tensor[] {
  const shape = plan.model.spec.maxBatchSize > 0 ? [1, 1] : [1];
  const inputs = [...sent];
  for (const { kind, name, datatype, on, off } of plan.controls) {
    const data = kind === 'corrid' ? corrid(controls.id, datatype) : controls[kind] ? on : off;
    inputs.push({ name, datatype, shape, data });
  }
  inputs.push(...states);
  return inputs;
}

function corrid(id: Parameter | undefined, datatype: Tensor['datatype']): Uint8Array {
  const none = datatype === 'BYTES' ? '' : 0;
  const element = correlationElement(id ?? none, datatype);
  if (element === undefined) throw new Error('bug: the correlation ID was not checked');
  return element;
}

/** The outputs that are asked for, and those that become states. */
export function wholeOutputs(plan: SequencePlan, requests: readonly InferRequest[]): RequestedOutput[] {
  const names = new Set(requests.flatMap(({ outputs }) => outputs.map(({ name }) => name)));
  for (const { output } of plan.states) names.add(output);
  return Array.from(names, (name) => ({ name, parameters: noParameters }));
}

/** What the client asked for, of what the model gave. */
export function answerTo(
  request: InferRequest,
  { model, version, parameters }: InferResponse,
  outputs: readonly Tensor[],
): InferResponse {
  const asked = request.outputs.flatMap(({ name }) => outputs.find((output) => output.name === name) ?? []);
  return { model, version, id: request.id, outputs: asked, parameters };
}

/** Where a sequence begins. */
export function initialStates({ states, model }: SequencePlan): readonly Tensor[] {
  const batched = model.spec.maxBatchSize > 0;
  return states.map(({ input, datatype, initialShape, initial }) => ({
    name: input,
    datatype,
    shape: batched ? [1, ...initialShape] : initialShape,
    data: initial,
  }));
}

/**
 * What the next request of the sequence finds. Copied: an output may be a view of a whole batch, which a state would keep.
 *
 * @returns the name of an output that is no state of this model, instead.
 */
export function nextStates({ states, model }: SequencePlan, outputs: readonly Tensor[]): Tensor[] | string {
  const next: Tensor[] = [];
  for (const state of states) {
    const found = outputs.find(({ name }) => name === state.output);
    if (found === undefined || !fits(state, found, model.spec.maxBatchSize > 0)) return state.output;
    const { datatype, shape, data } = found;
    next.push({ name: state.input, datatype, shape, data: new Uint8Array(data) });
  }
  return next;
}

function fits({ datatype, dims }: SequenceState, found: Tensor, batched: boolean): boolean {
  const wanted = batched ? [1, ...dims] : dims;
  return (
    found.datatype === datatype &&
    found.shape.length === wanted.length &&
    wanted.every((dim, at) => dim === -1 || dim === found.shape[at])
  );
}

/** Bytes of some tensors. */
export function sizeOf(tensors: readonly Tensor[]): number {
  let sizeBytes = 0;
  for (const { data } of tensors) sizeBytes += data.byteLength;
  return sizeBytes;
}
