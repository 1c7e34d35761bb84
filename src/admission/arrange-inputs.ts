import type { ModelSpec } from '../inference/model-spec.ts';
import type { Tensor } from '../inference/tensor.ts';
import { refuse } from './refuse.ts';
import { maxTensors, repeatedName } from './repeated-name.ts';

/** True when a request gives exactly the model's inputs, in its order: nearly always. */
export function inModelOrder(spec: ModelSpec, inputs: readonly Tensor[]): boolean {
  const wanted = spec.inputs;
  if (inputs.length !== wanted.length) return false;
  for (let i = 0; i < inputs.length; i++) if (inputs[i]?.name !== wanted[i]?.name) return false;
  return true;
}

/**
 * The inputs in the model's order, without the optional ones that were left out.
 *
 * @throws invalid_argument when one is unknown, missing or there twice.
 */
export function arrangeInputs(spec: ModelSpec, inputs: readonly Tensor[]): readonly Tensor[] {
  if (inputs.length > maxTensors) throw refuse.tooMany('inputs', maxTensors);
  const repeated = repeatedName(inputs);
  if (repeated !== undefined) throw refuse.duplicate('input', repeated);
  const given = new Map<string, Tensor>();
  for (const input of inputs) given.set(input.name, input);
  const required = spec.inputs.filter(({ optional }) => !optional);
  const fitting = inputs.length >= required.length && inputs.length <= spec.inputs.length;
  if (fitting) {
    for (const { name } of inputs) if (!spec.inputsByName.has(name)) throw refuse.unexpectedInput(spec, name);
  }
  const missing = required.filter(({ name }) => !given.has(name));
  if (!fitting || missing.length > 0) {
    throw refuse.wrongInputs(spec, {
      required: required.length,
      given: names(inputs),
      missing: names(missing),
    });
  }
  const arranged: Tensor[] = [];
  for (const { name } of spec.inputs) {
    const input = given.get(name);
    if (input !== undefined) arranged.push(input);
  }
  return arranged;
}

function names(items: readonly { readonly name: string }[]): readonly string[] {
  return items.map(({ name }) => name);
}
