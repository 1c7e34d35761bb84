import {
  featureProblem,
  featureTypeOf,
  rangeProblem,
  type Feature,
  type FeatureType,
  type ModelFeatures,
} from '../inference/features.ts';
import type { Datatype } from '../inference/datatype.ts';
import type { TensorSpec } from '../inference/model-spec.ts';
import type { FeatureFile, ModelTensors } from './feature-file.ts';

type GivenFeature = FeatureFile['features'][number];

/** What is left out follows from the model; what does not go with the model is a problem. */
export function completeFeatures(
  file: FeatureFile,
  tensors: ModelTensors,
): { readonly features: ModelFeatures; readonly problems: readonly string[] } {
  const problems: string[] = [];
  const features = file.features.flatMap((given) => {
    const completed = completeFeature(file, given, tensors);
    if (typeof completed !== 'string') return [completed];
    problems.push(`feature '${given.name}' ${completed}`);
    return [];
  });
  const twice = repeated(file.features.map(({ name }) => name));
  if (twice !== undefined) problems.push(`feature '${twice}' is there twice`);
  if (problems.length === 0 && features.length > 0) problems.push(...unfilled(features, tensors.inputs));
  problems.push(...outputProblems(file, tensors.outputs));
  const { prediction = '', probabilities = '', logits = '' } = file.outputs;
  return {
    features: {
      description: file.description ?? '',
      features,
      nonFinite: file.nonFinite,
      outputs: { prediction, probabilities, logits },
      classes: file.classes,
    },
    problems,
  };
}

function completeFeature(file: FeatureFile, given: GivenFeature, { inputs }: ModelTensors): Feature | string {
  const [only, more] = inputs;
  const wanted = given.input ?? (more === undefined ? only?.name : given.name);
  const input = inputs.find((candidate) => candidate.name === wanted);
  if (input === undefined) {
    return given.input === undefined
      ? 'must say its input, as the model has several and none of its name'
      : `is of input '${given.input}', which the model does not have`;
  }
  const type = given.type ?? featureTypeOf[input.datatype];
  if (!goesInto(type, input.datatype))
    return `of type ${type} cannot be in input '${input.name}' of ${input.datatype}`;
  const { min, max } = given;
  const isNumber = type === 'number' || type === 'integer';
  if (!isNumber && (min !== undefined || max !== undefined)) return `of type ${type} cannot have min or max`;
  if (min !== undefined && max !== undefined && min > max) return 'has a min above its max';
  const feature: Feature = {
    name: given.name,
    description: given.description ?? '',
    type,
    input: input.name,
    min,
    max,
    values: given.values ?? [],
    default: given.default,
    nonFinite: type === 'number' ? (given.nonFinite ?? file.nonFinite) : 'refuse',
  };
  for (const value of feature.values) {
    const problem = featureProblem({ ...feature, values: [] }, value) || rangeProblem(input.datatype, value);
    if (problem !== '') return `has a value ${JSON.stringify(value)} that ${problem}`;
  }
  if (given.default === undefined) return feature;
  const problem = featureProblem(feature, given.default) || rangeProblem(input.datatype, given.default);
  return problem === '' ? feature : `has a default that ${problem}`;
}

/** Whether values of a type can be elements of a datatype. */
function goesInto(type: FeatureType, datatype: Datatype): boolean {
  const natural = featureTypeOf[datatype];
  if (type === natural) return true;
  return (natural === 'number' && type !== 'text') || (natural === 'integer' && type === 'boolean');
}

/** Inputs that the features do not fill as their shapes want it. */
function unfilled(features: readonly Feature[], inputs: readonly TensorSpec[]): readonly string[] {
  return inputs.flatMap(({ name, dims, optional }) => {
    const count = features.filter(({ input }) => input === name).length;
    const known = dims.filter((size) => size !== -1);
    const step = known.reduce((product, size) => product * size, 1);
    if (count === 0) return optional ? [] : [`no feature is of input '${name}'`];
    if (known.length === dims.length && count !== step) {
      return [`input '${name}' takes ${step} values, but ${count} features are of it`];
    }
    return step === 0 || count % step !== 0
      ? [`input '${name}' takes a multiple of ${step} values, but ${count} features are of it`]
      : [];
  });
}

function outputProblems(file: FeatureFile, outputs: readonly TensorSpec[]): readonly string[] {
  const problems: string[] = [];
  const { probabilities, logits } = file.outputs;
  for (const [role, name] of Object.entries(file.outputs)) {
    const output = outputs.find((candidate) => candidate.name === name);
    if (output === undefined) problems.push(`outputs.${role}: the model has no output '${name}'`);
    else if (role !== 'prediction' && featureTypeOf[output.datatype] !== 'number') {
      problems.push(`outputs.${role}: '${name}' is of ${output.datatype}, not of floats`);
    }
  }
  if (probabilities !== undefined && logits !== undefined) {
    problems.push('outputs: either probabilities or logits, not both');
  }
  const twice = repeated(file.classes);
  if (twice !== undefined) problems.push(`classes: '${twice}' is there twice`);
  const scores = outputs.find(({ name }) => name === (probabilities ?? logits));
  const width = scores?.dims.reduce((product, size) => product * size, 1) ?? -1;
  const count = file.classes.length;
  if (count > 0 && width >= 0 && width !== count && !(width === 1 && count === 2)) {
    problems.push(`classes: ${count} are named, but output '${scores?.name}' has ${width}`);
  }
  return problems;
}

function repeated(names: readonly string[]): string | undefined {
  const seen = new Set<string>();
  return names.find((name) => seen.size === seen.add(name).size);
}
