import type { SessionMetadata } from '../inference/executor.ts';
import type { IterationPlan } from '../inference/sequence.ts';
import type { ModelConfig, ModelOutputConfig } from './config.ts';
import { parameterLimit, type Wrong } from './parameter-limit.ts';

/** Steps of a request of a model that says when to stop. */
const defaultMaxSteps = 1024;
const mostSteps = 1_000_000;

/** Parameters that name the model's flags: BOOL outputs of one element for each row. */
const flags = ['stop_output', 'emit_output'] as const;

/** Checks what ends and what answers the steps of iterative_sequence. @throws what `wrong` makes */
export function checkIteration(config: ModelConfig, wrong: Wrong): void {
  if (!isIterative(config)) return;
  const [stop, emit] = flagOutputs(config);
  if (stop === '' && config.parameters['max_steps'] === undefined) {
    throw wrong(
      'sequence_batching.iterative_sequence',
      'needs parameters.stop_output, the name of a BOOL output that ends a request, or parameters.max_steps',
    );
  }
  if (emit !== '' && config.model_transaction_policy?.decoupled !== true) {
    throw wrong('parameters.emit_output', 'needs model_transaction_policy { decoupled: true }');
  }
  for (const [at, name] of [stop, emit].entries()) {
    const listed = config.output.find((output) => output.name === name);
    if (listed !== undefined && !['TYPE_BOOL', 'TYPE_INVALID'].includes(listed.data_type)) {
      throw wrong(`parameters.${flags[at]}`, `output '${name}' must have data_type TYPE_BOOL`);
    }
  }
  for (const [index, state] of (config.sequence_batching?.state ?? []).entries()) {
    const path = `sequence_batching.state[${index}]`;
    const input = config.input.find(({ name }) => name === state.input_name);
    if (input === undefined) continue;
    if (state.initial_state.length > 0) {
      throw wrong(
        path,
        `'${input.name}' is also an input, and begins as requests say: initial_state has no place`,
      );
    }
    if (input.optional || input.reshape !== undefined) {
      throw wrong(path, `'${input.name}' is also an input, which must be neither optional nor reshaped then`);
    }
    const alike =
      ['TYPE_INVALID', state.data_type].includes(input.data_type) &&
      (input.dims.length === 0 || input.dims.join() === state.dims.join());
    if (!alike) throw wrong(path, `must have data_type and dims of the input '${input.name}'`);
  }
  parameterLimit(config, 'max_steps', stepLimits, wrong);
}

const stepLimits = { usual: defaultMaxSteps, most: mostSteps };

export function isIterative({ sequence_batching: batching }: ModelConfig): boolean {
  return batching?.iterative_sequence === true;
}

/** Names, '' where there is none; all are '' unless the model is iterative. */
function flagOutputs(config: ModelConfig): readonly [stop: string, emit: string] {
  if (!isIterative(config)) return ['', ''];
  const [stop, emit] = flags.map((name) => config.parameters[name]?.string_value ?? '');
  return [stop ?? '', emit ?? ''];
}

/** Outputs that only the server reads, unless they are listed. */
export function flagOutputNames(config: ModelConfig): string[] {
  return flagOutputs(config).filter((name) => name !== '');
}

/** Inputs of states that requests send to begin with. */
export function sentStateNames(config: ModelConfig): string[] {
  if (!isIterative(config)) return [];
  const inputs = new Set(config.input.map(({ name }) => name));
  return (config.sequence_batching?.state ?? []).flatMap(({ input_name: name }) =>
    inputs.has(name) ? name : [],
  );
}

/**
 * The flags that are not among `outputs`. One element for each row may be a dimension of its own or none.
 *
 * @param outputs What is known already.
 */
export function flagOutputConfigs(
  config: ModelConfig,
  outputs: readonly ModelOutputConfig[],
  metadata: SessionMetadata,
): ModelOutputConfig[] {
  const known = new Set(outputs.map(({ name }) => name));
  return flagOutputNames(config).flatMap((name) => {
    if (known.has(name)) return [];
    known.add(name);
    const rank = metadata.outputs.find((output) => output.name === name)?.shape.length ?? 1;
    const scalar = rank === (config.max_batch_size > 0 ? 1 : 0);
    return {
      name,
      data_type: 'TYPE_BOOL',
      dims: [1],
      ...(scalar ? { reshape: { shape: [] } } : {}),
      label_filename: '',
      is_shape_tensor: false,
      is_non_linear_format_io: false,
    };
  });
}

/** @param config Complete and checked. undefined for sequences of many requests. */
export function iterationOf(config: ModelConfig, wrong: Wrong): IterationPlan | undefined {
  if (!isIterative(config)) return undefined;
  const [stopOutput, emitOutput] = flagOutputs(config);
  return {
    maxSteps: parameterLimit(config, 'max_steps', stepLimits, wrong),
    stopOutput,
    emitOutput,
    sentStates: new Set(sentStateNames(config)),
  };
}
