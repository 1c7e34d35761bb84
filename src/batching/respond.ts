import type { ModelSpec } from '../inference/model-spec.ts';
import { noParameters, type InferRequest } from '../inference/request.ts';
import type { InferResponse } from '../inference/response.ts';
import type { Tensor } from '../inference/tensor.ts';
import { outputShape } from './assemble.ts';
import type { Entry } from './entry.ts';
import { RowReader } from './split.ts';

/** True when the rows of every output can be told apart: what a joined batch must give. */
export function followsRows(outputs: readonly Tensor[], rows: number): boolean {
  for (const { shape } of outputs) if (shape[0] !== rows) return false;
  return true;
}

/** Undoes the model's reshape of outputs, where the configuration has one; usually returns `outputs` itself. */
export function asClientsSee(spec: ModelSpec, outputs: readonly Tensor[]): readonly Tensor[] {
  if (!spec.outputs.some((output) => output.reshape !== undefined)) return outputs;
  return outputs.map((tensor) => {
    const output = spec.outputsByName.get(tensor.name);
    if (output?.reshape === undefined) return tensor;
    return { ...tensor, shape: outputShape(output, tensor.shape, spec.maxBatchSize > 0) };
  });
}

/** The answer to a request that was alone in its batch. */
export function respondWhole(spec: ModelSpec, entry: Entry, outputs: readonly Tensor[]): InferResponse {
  return respond(spec, entry.request, outputs);
}

/** The answers to the requests of a joined batch, in their order: views of its outputs. */
export function respondSplit(
  spec: ModelSpec,
  entries: readonly Entry[],
  outputs: readonly Tensor[],
): readonly InferResponse[] {
  const readers = outputs.map((output) => new RowReader(output));
  const responses: InferResponse[] = [];
  for (const entry of entries) {
    const own: Tensor[] = [];
    for (const reader of readers) own.push(reader.next(entry.rows));
    responses.push(respond(spec, entry.request, own));
  }
  return responses;
}

/** The answers to the requests of a batch, from the outputs of each. */
export function respondEach(
  spec: ModelSpec,
  entries: readonly Entry[],
  outputs: readonly (readonly Tensor[])[],
): readonly InferResponse[] {
  return entries.map(({ request }, index) => respond(spec, request, outputs[index] ?? []));
}

function respond(spec: ModelSpec, request: InferRequest, outputs: readonly Tensor[]): InferResponse {
  return {
    model: spec.name,
    version: spec.version,
    id: request.id,
    outputs: pick(request, outputs),
    parameters: noParameters,
  };
}

/** The outputs that the request names, in its order; all of them when it names none. */
function pick(request: InferRequest, outputs: readonly Tensor[]): readonly Tensor[] {
  const wanted = request.outputs;
  if (wanted.length === 0 || namesMatch(request, outputs)) return outputs;
  const picked: Tensor[] = [];
  for (const { name } of wanted) {
    for (const output of outputs) if (output.name === name) picked.push(output);
  }
  return picked;
}

function namesMatch(request: InferRequest, outputs: readonly Tensor[]): boolean {
  const wanted = request.outputs;
  if (wanted.length !== outputs.length) return false;
  for (let i = 0; i < outputs.length; i++) if (wanted[i]?.name !== outputs[i]?.name) return false;
  return true;
}
