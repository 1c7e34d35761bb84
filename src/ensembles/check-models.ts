import type { EnsemblePlan, EnsembleStep, StepTensor } from '../inference/ensemble.ts';
import type { ModelSpec, TensorSpec } from '../inference/model-spec.ts';
import type { RoutingTable } from '../inference/routing-table.ts';
import type { Target } from '../inference/target.ts';
import { printable } from '../util/printable.ts';

/** What a tensor of the ensemble is by one of those who write or read it. */
interface Claim {
  /** For people: `input of the ensemble`, `output of model 'm'`. */
  readonly by: string;
  readonly spec: Pick<ModelSpec, 'maxBatchSize'>;
  readonly tensor: TensorSpec;
}

/** The target of a step, as a request would find it. */
export function targetOf({ model, version }: EnsembleStep, routes: RoutingTable): Target | undefined {
  const found = routes.get(model);
  return version === '' ? found?.newest : found?.ready.get(version);
}

/**
 * Compares an ensemble with the models that are ready: that all are there, have the tensors that are mapped, and agree on
 * what those are.
 *
 * @returns why the ensemble cannot be run with them; '' when it can.
 */
export function problemOf(
  { spec, ensemble: plan }: Pick<Target, 'spec' | 'ensemble'>,
  routes: RoutingTable,
): string {
  if (plan === undefined) return '';
  const claims = firstClaims(spec, plan);
  for (const step of plan.steps) {
    const target = targetOf(step, routes);
    if (target === undefined) return `needs ${shown(step)}, which is not ready${hintOf(step)}`;
    const problem = modelProblem(spec, step, target) || claimsProblem(plan, step, target, claims);
    if (problem !== '') return problem;
  }
  for (const [position, tensor] of plan.outputs.entries()) {
    const output = spec.outputs[position];
    if (output === undefined) continue;
    const problem = disagreement(plan, claims, tensor, {
      by: 'output of the ensemble',
      spec,
      tensor: output,
    });
    if (problem !== '') return problem;
  }
  return '';
}

function firstClaims(spec: ModelSpec, plan: EnsemblePlan): (Claim | undefined)[] {
  return plan.tensors.map((_, index) => {
    const tensor = index < plan.inputs ? spec.inputs[index] : undefined;
    return tensor === undefined ? undefined : { by: 'input of the ensemble', spec, tensor };
  });
}

function modelProblem(ensemble: ModelSpec, step: EnsembleStep, { spec, scheduling }: Target): string {
  const name = shown(step);
  if (spec.decoupled) return `${name} is decoupled, which steps of ensembles cannot be`;
  const anySize = spec.maxBatchSize === 0 || scheduling.rowIndependent;
  if (!anySize && spec.maxBatchSize < ensemble.maxBatchSize) {
    return `max_batch_size is ${ensemble.maxBatchSize}, but ${name} takes at most ${spec.maxBatchSize}`;
  }
  const unmapped = spec.inputs.find(
    (input) => !input.optional && step.inputs.every((mapped) => mapped.name !== input.name),
  );
  return unmapped === undefined ? '' : `input '${unmapped.name}' of ${name} is not in the step's input_map`;
}

/** Checks what a step reads, then notes what it writes. */
function claimsProblem(
  plan: EnsemblePlan,
  step: EnsembleStep,
  { spec }: Target,
  claims: (Claim | undefined)[],
): string {
  for (const { name, tensor: index } of step.inputs) {
    const tensor = spec.inputsByName.get(name);
    if (tensor === undefined) return unknown('input', name, step);
    const claim = { by: `input '${name}' of ${shown(step)}`, spec, tensor };
    if (claims[index]?.tensor.optional === true && !tensor.optional) {
      return `tensor '${printable(nameOf(plan, index))}' is an optional input of the ensemble, but not ${claim.by}`;
    }
    const problem = disagreement(plan, claims, index, claim);
    if (problem !== '') return problem;
  }
  for (const { name, tensor: index } of step.outputs) {
    const tensor = spec.outputsByName.get(name);
    if (tensor === undefined) return unknown('output', name, step);
    claims[index] = { by: `output '${name}' of ${shown(step)}`, spec, tensor };
  }
  return '';
}

function unknown(kind: string, name: StepTensor['name'], step: EnsembleStep): string {
  return `${shown(step)} has no ${kind} '${printable(name)}'`;
}

function disagreement(
  plan: EnsemblePlan,
  claims: readonly (Claim | undefined)[],
  index: number,
  reader: Claim,
): string {
  const writer = claims[index];
  if (writer === undefined) throw new Error('bug: a step reads what nothing has written');
  const name = printable(nameOf(plan, index));
  const [a, b] = [writer.tensor, reader.tensor];
  if (a.datatype !== b.datatype) {
    return `tensor '${name}' is ${a.datatype} as ${writer.by}, but ${b.datatype} as ${reader.by}`;
  }
  if (agree(a.dims, b.dims) || agree(wholeShape(writer), wholeShape(reader))) return '';
  return `tensor '${name}' is ${list(wholeShape(writer))} as ${writer.by}, but ${list(wholeShape(reader))} as ${reader.by}`;
}

/** As clients see it. */
function wholeShape({ spec, tensor }: Claim): readonly number[] {
  return spec.maxBatchSize > 0 ? [-1, ...tensor.dims] : tensor.dims;
}

/** What is of any size is compared when a request has come. */
function agree(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((dim, axis) => dim === -1 || b[axis] === -1 || dim === b[axis]);
}

function nameOf(plan: EnsemblePlan, tensor: number): string {
  return plan.tensors[tensor] ?? '';
}

/** No version is called 0: it is what a configuration says that leaves the version out. */
function hintOf({ version }: EnsembleStep): string {
  return version === '0' ? ' (model_version: -1 is the newest)' : '';
}

function shown({ model, version }: EnsembleStep): string {
  return version === '' ? `model '${printable(model)}'` : `version ${version} of model '${printable(model)}'`;
}

function list(dims: readonly number[]): string {
  return `[${dims.join(',')}]`;
}
