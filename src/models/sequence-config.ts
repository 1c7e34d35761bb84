import type { SessionMetadata } from '../inference/executor.ts';
import type { SequencePlan } from '../inference/sequence.ts';
import type { Scheduling } from '../inference/target.ts';
import type { ModelConfig, ModelInputConfig, ModelOutputConfig, SequenceControlConfig } from './config.ts';
import {
  checkIteration,
  flagOutputConfigs,
  flagOutputNames,
  isIterative,
  sentStateNames,
} from './iteration-config.ts';
import { parameterLimit, type Wrong } from './parameter-limit.ts';

/** Triton's default of max_sequence_idle_microseconds. */
const defaultIdleMicroseconds = 1_000_000;

const defaultMaxSequences = 1024;
const defaultMaxStateBytes = 64 * 1024 * 1024;
const mostSequences = 1_000_000;

const idTypes: ReadonlySet<string> = new Set([
  'TYPE_INT32',
  'TYPE_UINT32',
  'TYPE_INT64',
  'TYPE_UINT64',
  'TYPE_STRING',
]);

/** Checks sequence_batching by Triton's rules, as far as they need no model. @throws what `wrong` makes */
export function checkSequences(config: ModelConfig, wrong: Wrong): void {
  const batching = config.sequence_batching;
  if (batching === undefined) return;
  if (config.dynamic_batching !== undefined) {
    throw wrong('sequence_batching', 'cannot stand beside dynamic_batching');
  }
  const kinds: string[] = [];
  for (const [index, { name, control }] of batching.control_input.entries()) {
    const path = `sequence_batching.control_input[${index}]`;
    if (name === '') throw wrong(path, 'needs a name');
    const [only] = control;
    if (only === undefined || control.length > 1) throw wrong(path, 'takes exactly one control');
    if (kinds.includes(only.kind)) throw wrong(path, `specifies multiple ${only.kind} tensors`);
    kinds.push(only.kind);
    checkControl(only, path, wrong);
  }
  for (const [index, state] of batching.state.entries()) {
    const path = `sequence_batching.state[${index}]`;
    if (state.input_name === '' || state.output_name === '') {
      throw wrong(path, 'needs input_name and output_name');
    }
    if (state.initial_state.length > 1) throw wrong(path, 'takes one initial_state at most');
    const [initial] = state.initial_state;
    if (initial === undefined) continue;
    if (initial.data_type !== state.data_type) {
      throw wrong(`${path}.initial_state`, `must have data_type ${state.data_type}`);
    }
    if (initial.dims.some((dim) => dim < 0)) throw wrong(`${path}.initial_state.dims`, 'must be fixed');
    if (initial.zero_data !== true && (initial.data_file ?? '') === '') {
      throw wrong(`${path}.initial_state`, 'needs zero_data: true or a data_file');
    }
    const fits =
      initial.dims.length === state.dims.length &&
      state.dims.every((dim, at) => dim === -1 || dim === initial.dims[at]);
    if (!fits) throw wrong(`${path}.initial_state.dims`, "must fit the state's dims");
  }
  checkNames(config, wrong);
  checkIteration(config, wrong);
  const candidates = batching.oldest?.max_candidate_sequences ?? 1;
  if (candidates < 1 || candidates > mostSequences) {
    throw wrong(
      'sequence_batching.oldest.max_candidate_sequences',
      `must be 1 to ${mostSequences}, got ${candidates}`,
    );
  }
  for (const size of batching.oldest?.preferred_batch_size ?? []) {
    if (size < 1 || size > Math.max(1, config.max_batch_size)) {
      throw wrong(
        'sequence_batching.oldest.preferred_batch_size',
        `must be 1 to max_batch_size, got ${size}`,
      );
    }
  }
  parameterLimit(config, 'max_sequences', { usual: defaultMaxSequences, most: mostSequences }, wrong);
  parameterLimit(
    config,
    'max_state_bytes',
    { usual: defaultMaxStateBytes, most: Number.MAX_SAFE_INTEGER },
    wrong,
  );
}

function checkControl(control: SequenceControlConfig, path: string, wrong: Wrong): void {
  const values = [control.int32_false_true, control.fp32_false_true, control.bool_false_true];
  if (control.kind === 'CONTROL_SEQUENCE_CORRID') {
    if (values.some(({ length }) => length > 0)) throw wrong(path, 'CORRID takes data_type only');
    if (!idTypes.has(control.data_type)) {
      throw wrong(path, `CORRID needs a data_type of ${[...idTypes].join(', ')}`);
    }
    return;
  }
  if (values.filter(({ length }) => length > 0).length !== 1 || !values.some(({ length }) => length === 2)) {
    throw wrong(path, 'needs two values in one of int32_false_true, fp32_false_true and bool_false_true');
  }
}

function checkNames(config: ModelConfig, wrong: Wrong): void {
  const names = [...config.input.map(({ name }) => name), ...sequenceInputNames(config)];
  const sent = sentStateNames(config);
  const twice = names.find((name, index) => names.indexOf(name) !== index && !sent.includes(name));
  if (twice !== undefined) throw wrong('sequence_batching', `input '${twice}' is given twice`);
  const outputs = stateOutputNames(config);
  const again = outputs.find((name, index) => outputs.indexOf(name) !== index);
  if (again !== undefined) throw wrong('sequence_batching.state', `output '${again}' is given twice`);
}

/** What of sequence_batching is valid and not executed; undefined when all is. */
export function unsupportedSequences({ sequence_batching: batching }: ModelConfig): string | undefined {
  if ((batching?.direct?.max_queue_delay_microseconds ?? 0) > 0) {
    return 'sequence_batching.direct.max_queue_delay_microseconds';
  }
  if ((batching?.direct?.minimum_slot_utilization ?? 0) > 0) {
    return 'sequence_batching.direct.minimum_slot_utilization';
  }
  return undefined;
}

/** Inputs that the server fills. */
export function sequenceInputNames({ sequence_batching: batching }: ModelConfig): string[] {
  if (batching === undefined) return [];
  return [
    ...batching.control_input.map(({ name }) => name),
    ...batching.state.map(({ input_name: name }) => name),
  ];
}

/** Outputs that the server reads, and clients only where the configuration lists them. */
export function sequenceOutputNames(config: ModelConfig): string[] {
  return [...stateOutputNames(config), ...flagOutputNames(config)];
}

function stateOutputNames({ sequence_batching: batching }: ModelConfig): string[] {
  return (batching?.state ?? []).map(({ output_name: name }) => name);
}

/** With the strategy and the time that hold where none are given. */
export function completeSequences(config: ModelConfig): Pick<ModelConfig, 'sequence_batching'> {
  const batching = config.sequence_batching;
  if (batching === undefined) return {};
  const strategy =
    batching.oldest === undefined && batching.direct === undefined
      ? { direct: { max_queue_delay_microseconds: 0, minimum_slot_utilization: 0 } }
      : {};
  const idle = batching.max_sequence_idle_microseconds;
  return {
    sequence_batching: {
      ...batching,
      ...strategy,
      max_sequence_idle_microseconds: idle === 0 ? defaultIdleMicroseconds : idle,
    },
  };
}

/** The configuration as if clients sent controls and states, and read the states and flags. */
export function wholeConfig(config: ModelConfig, metadata: SessionMetadata): ModelConfig {
  const batching = config.sequence_batching;
  if (batching === undefined) return config;
  const controls = batching.control_input.map(({ name, control: [control] }) =>
    inputOf(name, control === undefined ? 'TYPE_INVALID' : controlType(control), [1]),
  );
  const sent = sentStateNames(config);
  const states = batching.state.flatMap((state) =>
    sent.includes(state.input_name) ? [] : inputOf(state.input_name, state.data_type, state.dims),
  );
  const known = new Set(config.output.map(({ name }) => name));
  const stateOutputs: ModelOutputConfig[] = batching.state.flatMap((state) =>
    known.has(state.output_name)
      ? []
      : {
          name: state.output_name,
          data_type: state.data_type,
          dims: state.dims,
          label_filename: '',
          is_shape_tensor: false,
          is_non_linear_format_io: false,
        },
  );
  const outputs = [...config.output, ...stateOutputs];
  return {
    ...config,
    input: [...config.input, ...controls, ...states],
    output: [...outputs, ...flagOutputConfigs(config, outputs, metadata)],
  };
}

function inputOf(name: string, data_type: string, dims: readonly number[]): ModelInputConfig {
  return {
    name,
    data_type,
    format: 'FORMAT_NONE',
    dims,
    is_shape_tensor: false,
    allow_ragged_batch: false,
    optional: false,
    is_non_linear_format_io: false,
  };
}

export function controlType(control: SequenceControlConfig): string {
  if (control.kind === 'CONTROL_SEQUENCE_CORRID') return control.data_type;
  if (control.int32_false_true.length > 0) return 'TYPE_INT32';
  return control.fp32_false_true.length > 0 ? 'TYPE_FP32' : 'TYPE_BOOL';
}

/** How requests of sequences are batched, once each has its controls and states. */
export function sequenceScheduling(config: ModelConfig, scheduling: Scheduling): Scheduling {
  if (config.sequence_batching === undefined) return scheduling;
  const oldest = config.sequence_batching?.oldest;
  return {
    ...scheduling,
    dynamicBatching: (oldest !== undefined || isIterative(config)) && config.max_batch_size > 1,
    preferredBatchSizes: oldest?.preferred_batch_size ?? [],
    maxQueueDelayMicroseconds: oldest?.max_queue_delay_microseconds ?? 0,
    preserveOrdering: oldest?.preserve_ordering ?? false,
  };
}

export type SequenceLimits = Pick<SequencePlan, 'slots' | 'idleMs' | 'maxSequences' | 'maxStateBytes'>;

/** @param config Complete and checked. */
export function sequenceLimits(config: ModelConfig, instances: number, wrong: Wrong): SequenceLimits {
  const oldest = config.sequence_batching?.oldest;
  const perInstance = oldest?.max_candidate_sequences ?? Math.max(1, config.max_batch_size);
  const idleMicroseconds = config.sequence_batching?.max_sequence_idle_microseconds ?? 0;
  return {
    slots: Math.min(mostSequences, perInstance * Math.max(1, instances)),
    idleMs: idleMicroseconds / 1000,
    maxSequences: parameterLimit(
      config,
      'max_sequences',
      { usual: defaultMaxSequences, most: mostSequences },
      wrong,
    ),
    maxStateBytes: parameterLimit(
      config,
      'max_state_bytes',
      { usual: defaultMaxStateBytes, most: Number.MAX_SAFE_INTEGER },
      wrong,
    ),
  };
}

/** Whether sequences meet in a batch although requests are not batched: each is a row of it. */
export function slotsAreRows(config: ModelConfig): boolean {
  const { sequence_batching: batching, max_batch_size: most } = config;
  return batching !== undefined && batching.oldest === undefined && !isIterative(config) && most > 1;
}
