import type { CallContext } from '../inference/call-context.ts';
import type { ModelSpec } from '../inference/model-spec.ts';
import { noParameters, type InferRequest, type RequestedOutput } from '../inference/request.ts';
import type { Target } from '../inference/target.ts';
import type { Tensor } from '../inference/tensor.ts';
import { arrangeInputs, inModelOrder } from './arrange-inputs.ts';
import { checkInput } from './check-input.ts';
import { checkOutputs } from './check-outputs.ts';
import { checkParameters } from './check-parameters.ts';
import { refuse } from './refuse.ts';

/**
 * The one step that compares a request with its model. Everything behind it relies on what it lets through: names are
 * the model's and unique, inputs stand in the model's order, shapes and datatypes fit, and bytes are as many as the
 * shapes say. Nothing is allocated before all of that has been found true.
 *
 * @returns `request` itself where nothing had to be filled in or reordered.
 * @throws invalid_argument, or unimplemented for a decoupled model whose caller takes one answer only.
 */
export function validateRequest(target: Target, request: InferRequest, call: CallContext): InferRequest {
  const { spec } = target;
  if (spec.decoupled && !call.streaming) throw refuse.decoupled(call.front);
  if (request.parameters.size > 0) checkParameters(request.parameters);
  const inputs = inModelOrder(spec, request.inputs) ? request.inputs : arrangeInputs(spec, request.inputs);
  checkInputs(target, inputs);
  if (request.outputs.length === 0) return filledIn(request, inputs, allOutputs(spec));
  checkOutputs(spec, request.outputs);
  return inputs === request.inputs ? request : filledIn(request, inputs, request.outputs);
}

function checkInputs({ spec, scheduling }: Target, inputs: readonly Tensor[]): void {
  // The batcher cuts larger requests into batches where the operator says that rows are independent.
  const maxRows = scheduling.rowIndependent ? Infinity : spec.maxBatchSize;
  let rows = -1;
  for (let i = 0; i < inputs.length; i++) {
    const input = inputs[i];
    if (input === undefined) continue;
    const atPlace = spec.inputs[i];
    const wanted = atPlace?.name === input.name ? atPlace : spec.inputsByName.get(input.name);
    if (wanted === undefined) throw refuse.unexpectedInput(spec, input.name);
    const own = checkInput(spec, wanted, input, maxRows);
    if (rows >= 0 && own !== rows) throw refuse.batchMismatch(spec, input.name);
    rows = own;
  }
}

const wholeModels = new WeakMap<ModelSpec, readonly RequestedOutput[]>();

/** All outputs of a model, in its order; the same list each time. */
function allOutputs(spec: ModelSpec): readonly RequestedOutput[] {
  let outputs = wholeModels.get(spec);
  if (outputs === undefined) {
    outputs = spec.outputs.map(({ name }) => ({ name, parameters: noParameters }));
    wholeModels.set(spec, outputs);
  }
  return outputs;
}

function filledIn(
  request: InferRequest,
  inputs: readonly Tensor[],
  outputs: readonly RequestedOutput[],
): InferRequest {
  return {
    model: request.model,
    version: request.version,
    id: request.id,
    inputs,
    outputs,
    parameters: request.parameters,
  };
}
