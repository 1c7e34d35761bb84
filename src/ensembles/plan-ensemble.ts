import { ServingError } from '../errors.ts';
import type { EnsembleConfig, EnsemblePlan, EnsembleStep, StepTensor } from '../inference/ensemble.ts';
import type { ModelSpec } from '../inference/model-spec.ts';
import { printable } from '../util/printable.ts';

/** Each step of a request is a promise and a place in a queue; beyond this somebody generated a mistake. */
const mostSteps = 256;

const stepField = 'ensemble_scheduling.step';

type Step = EnsembleConfig['step'][number];

/**
 * Makes the graph of an ensemble and checks all that can be known without its models: every tensor is written once, read
 * or given to the client, and no step waits for itself.
 *
 * @throws ServingError invalid_argument
 */
export function planEnsemble(
  spec: Pick<ModelSpec, 'name' | 'inputs' | 'outputs'>,
  config: EnsembleConfig,
): EnsemblePlan {
  const wrong = (path: string, problem: string): ServingError => configError(spec.name, path, problem);
  if (spec.inputs.length === 0) throw wrong('input', 'an ensemble must say what its inputs are');
  if (spec.outputs.length === 0) throw wrong('output', 'an ensemble must say what its outputs are');
  if (config.max_inflight_requests > 0) {
    throw new ServingError(
      'invalid_argument',
      `configuration of model '${spec.name}': ensemble_scheduling.max_inflight_requests is not supported by this server`,
      { reason: 'MODEL_CONFIG_UNSUPPORTED' },
    );
  }
  const given = config.step;
  if (given.length === 0 || given.length > mostSteps) {
    throw wrong(stepField, `must be 1 to ${mostSteps}, got ${given.length}`);
  }
  given.forEach((step, index) => checkStep(step, (problem) => wrong(`${stepField}[${index}]`, problem)));
  const tensors = namesOf(spec, given, wrong);
  const indices = new Map(tensors.map((name, index) => [name, index]));
  const steps = inOrder(spec.name, given, spec.inputs.length, indices);
  const plan = connect(tensors, spec.inputs.length, steps);
  return { ...plan, outputs: outputsOf(spec, plan, indices) };
}

function checkStep(step: Step, wrong: (problem: string) => ServingError): void {
  if (step.model_name === '') throw wrong('needs a model_name');
  if (step.model_namespace !== '') {
    throw wrong('model_namespace is not supported: models have no namespaces here');
  }
  if (step.model_version < -1) throw wrong(`model_version must be -1 (the newest) or a version`);
  if (Object.keys(step.input_map).length === 0) throw wrong('needs an input_map');
  if (Object.keys(step.output_map).length === 0) throw wrong('needs an output_map');
  for (const [name, tensor] of [...Object.entries(step.input_map), ...Object.entries(step.output_map)]) {
    if (name === '' || tensor === '') throw wrong('maps a tensor without a name');
  }
}

/** All tensors: inputs first, then what steps write. */
function namesOf(
  { inputs }: Pick<ModelSpec, 'inputs'>,
  steps: readonly Step[],
  wrong: (path: string, problem: string) => ServingError,
): readonly string[] {
  const names = new Set(inputs.map(({ name }) => name));
  for (const [index, step] of steps.entries()) {
    for (const tensor of Object.values(step.output_map)) {
      if (names.has(tensor)) {
        const problem = `tensor '${printable(tensor)}' is written already, by the client or by a step`;
        throw wrong(`${stepField}[${index}].output_map`, problem);
      }
      names.add(tensor);
    }
  }
  for (const [index, step] of steps.entries()) {
    const unknown = Object.values(step.input_map).find((tensor) => !names.has(tensor));
    if (unknown !== undefined) {
      const problem = `tensor '${printable(unknown)}' is neither an input nor written by a step`;
      throw wrong(`${stepField}[${index}].input_map`, problem);
    }
  }
  return [...names];
}

/** The steps such that each comes after those that it reads from; otherwise as they were given. */
function inOrder(
  ensemble: string,
  given: readonly Step[],
  inputs: number,
  indices: ReadonlyMap<string, number>,
): readonly EnsembleStep[] {
  const known = new Set(Array.from({ length: inputs }, (_, index) => index));
  const ordered: EnsembleStep[] = [];
  let waiting = given.map((step) => ({
    model: step.model_name,
    version: step.model_version === -1 ? '' : String(step.model_version),
    inputs: linksOf(step.input_map, indices),
    outputs: linksOf(step.output_map, indices),
  }));
  while (waiting.length > 0) {
    const ready = waiting.filter((step) => step.inputs.every(({ tensor }) => known.has(tensor)));
    if (ready.length === 0) {
      const names = waiting.map(({ model }) => `'${printable(model)}'`).join(', ');
      throw configError(ensemble, stepField, `steps wait for each other: ${names}`);
    }
    ordered.push(...ready);
    for (const { outputs } of ready) for (const { tensor } of outputs) known.add(tensor);
    waiting = waiting.filter((step) => !ready.includes(step));
  }
  return ordered;
}

function linksOf(
  map: Readonly<Record<string, string>>,
  indices: ReadonlyMap<string, number>,
): readonly StepTensor[] {
  return Object.entries(map).map(([name, tensor]) => ({ name, tensor: indices.get(tensor) ?? -1 }));
}

function connect(
  tensors: readonly string[],
  inputs: number,
  steps: readonly EnsembleStep[],
): Omit<EnsemblePlan, 'outputs'> {
  const readers: number[][] = tensors.map(() => []);
  const writers: number[] = tensors.map(() => -1);
  for (const [index, step] of steps.entries()) {
    for (const { tensor } of step.inputs) readers[tensor]?.push(index);
    for (const { tensor } of step.outputs) writers[tensor] = index;
  }
  return { tensors, inputs, steps, readers, writers };
}

function outputsOf(
  { name, outputs }: Pick<ModelSpec, 'name' | 'outputs'>,
  { tensors, inputs, readers }: Omit<EnsemblePlan, 'outputs'>,
  indices: ReadonlyMap<string, number>,
): readonly number[] {
  const found = outputs.map((output, position) => {
    const tensor = indices.get(output.name) ?? -1;
    if (tensor >= inputs) return tensor;
    throw configError(name, `output[${position}]`, `no step writes '${printable(output.name)}'`);
  });
  for (const [index, tensor] of tensors.entries()) {
    if (readers[index]?.length !== 0 || found.includes(index)) continue;
    const path = index < inputs ? `input[${index}]` : stepField;
    throw configError(name, path, `nothing reads '${printable(tensor)}'`);
  }
  return found;
}

function configError(model: string, path: string, problem: string): ServingError {
  return new ServingError(
    'invalid_argument',
    `configuration of model '${model}': ${path}: ${problem}`.slice(0, 1000),
    { reason: 'MODEL_CONFIG' },
  );
}
