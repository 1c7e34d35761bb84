import type { BatchInput, RaggedBatching } from '../inference/target.ts';
import type { BatchInputConfig, BatchOutputConfig, ModelConfig } from './config.ts';

/**
 * Checks allow_ragged_batch, batch_input and batch_output by Triton's rules. Names of inputs and outputs are looked up once
 * the configuration has any: what it leaves out comes from the model.
 *
 * @throws what `wrong` makes
 */
export function checkRagged(config: ModelConfig, wrong: (path: string, problem: string) => Error): void {
  const inputs = new Set(config.input.map(({ name }) => name));
  for (const [index, input] of config.input.entries()) {
    if (!input.allow_ragged_batch) continue;
    if (config.max_batch_size === 0) {
      throw wrong(`input[${index}].allow_ragged_batch`, 'needs max_batch_size above 0');
    }
    if (input.reshape !== undefined) throw wrong(`input[${index}].allow_ragged_batch`, 'cannot be reshaped');
  }
  const targets: string[] = [];
  for (const [
    index,
    { kind, data_type: type, source_input: sources, target_name: names },
  ] of config.batch_input.entries()) {
    const path = `batch_input[${index}]`;
    if (config.max_batch_size === 0) throw wrong(path, 'needs max_batch_size above 0');
    checkSources(kind, sources, inputs, (problem) => wrong(path, problem));
    if (type !== 'TYPE_INT32' && type !== 'TYPE_FP32') {
      throw wrong(path, 'batch input data type must be TYPE_INT32 or TYPE_FP32');
    }
    if (names.length === 0) throw wrong(path, 'names no target');
    targets.push(...names);
  }
  const twice = targets.find((name, index) => inputs.has(name) || targets.indexOf(name) !== index);
  if (twice !== undefined) throw wrong('batch_input', `'${twice}' is given twice`);
  checkBatchOutputs(config, inputs, wrong);
}

function checkBatchOutputs(
  config: ModelConfig,
  inputs: ReadonlySet<string>,
  wrong: (path: string, problem: string) => Error,
): void {
  const targets: string[] = [];
  for (const [index, { kind, source_input: sources, target_name: names }] of config.batch_output.entries()) {
    const path = `batch_output[${index}]`;
    if (config.max_batch_size === 0) throw wrong(path, 'needs max_batch_size above 0');
    checkSources(kind, sources, inputs, (problem) => wrong(path, problem));
    if (names.length === 0) throw wrong(path, 'names no target');
    for (const name of names) {
      const output = config.output.find((candidate) => candidate.name === name);
      if (output === undefined && config.output.length > 0) {
        throw wrong(path, `unknown target output name '${name}'`);
      }
      if (output?.reshape !== undefined || output?.data_type === 'TYPE_STRING') {
        throw wrong(path, `output '${name}' can be neither reshaped nor of strings`);
      }
      if (targets.includes(name))
        throw wrong(path, `target output name '${name}' can only be specified once`);
      targets.push(name);
    }
  }
}

function checkSources(
  kind: string,
  sources: readonly string[],
  inputs: ReadonlySet<string>,
  wrong: (problem: string) => Error,
): void {
  if (sources.length !== 1) throw wrong(`kind '${kind}' expects 1 source input, got ${sources.length}`);
  const stranger = inputs.size === 0 ? undefined : sources.find((name) => !inputs.has(name));
  if (stranger !== undefined) throw wrong(`unknown source input name '${stranger}'`);
}

/** The scheduler's view of a checked configuration; undefined when it has nothing of the kind. */
export function raggedOf(config: ModelConfig): RaggedBatching | undefined {
  const { batch_input: inputs, batch_output: outputs } = config;
  const ragged = config.input.some(({ allow_ragged_batch: allowed }) => allowed);
  if (!ragged && inputs.length === 0 && outputs.length === 0) return undefined;
  return { batchInputs: inputs.map(batchInput), scattered: new Map(outputs.flatMap(scattered)) };
}

function batchInput({
  kind,
  data_type: type,
  source_input: sources,
  target_name: targets,
}: BatchInputConfig): BatchInput {
  const datatype = type === 'TYPE_FP32' ? 'FP32' : 'INT32';
  return { kind, targets, datatype, source: sources[0] ?? '' };
}

function scattered({
  source_input: sources,
  target_name: targets,
}: BatchOutputConfig): (readonly [string, string])[] {
  return targets.map((target) => [target, sources[0] ?? '']);
}

/** Names of the model's inputs that clients do not send. */
export function batchInputNames(config: Pick<ModelConfig, 'batch_input'>): readonly string[] {
  return config.batch_input.flatMap(({ target_name: names }) => names);
}
