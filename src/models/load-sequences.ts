import type { ServingError } from '../errors.ts';
import { datatypeSizeBytes } from '../inference/datatype.ts';
import type { ControlKind, SequenceControl, SequencePlan, SequenceState } from '../inference/sequence.ts';
import type { Target } from '../inference/target.ts';
import { elementCount } from '../inference/tensor.ts';
import type { ModelConfig, SequenceControlConfig, SequenceStateConfig } from './config.ts';
import { configError } from './config-message.ts';
import { datatypeOf } from './model-shape.ts';
import { readModelFile, type ModelSource } from './model-source.ts';
import { iterationOf } from './iteration-config.ts';
import { controlType, sequenceLimits, slotsAreRows } from './sequence-config.ts';
import { pendingOnly } from './step-statistics.ts';

/**
 * The sequences of a complete configuration that fits its model.
 *
 * @param model The model with controls and states.
 * @param rowsProblem Why rows cannot share a batch; slots are no rows then. '' when they can.
 * @throws ServingError invalid_argument for an initial state that cannot be.
 */
export async function loadSequences(
  config: ModelConfig,
  source: ModelSource,
  model: Target,
  rowsProblem: string,
): Promise<SequencePlan> {
  const wrong = (path: string, problem: string): ServingError => configError(source.name, path, problem);
  const batching = config.sequence_batching;
  if (batching === undefined) throw new Error('bug: the configuration has no sequences');
  const limits = sequenceLimits(config, model.executors.length, wrong);
  const iteration = iterationOf(config, wrong);
  const states: SequenceState[] = [];
  let sizeBytes = 0;
  for (const [index, state] of batching.state.entries()) {
    const path = `sequence_batching.state[${index}].initial_state`;
    const [given] = state.initial_state;
    const initialShape = given?.dims ?? state.dims.map((dim) => Math.max(1, dim));
    const datatype = datatypeOf(state.data_type);
    if (datatype === undefined) throw new Error('bug: the datatype was not checked');
    const count = elementCount(initialShape);
    // The element of strings is empty: four bytes of its length.
    const initialBytes = count * (datatype === 'BYTES' ? 4 : datatypeSizeBytes[datatype]);
    sizeBytes += initialBytes;
    if (sizeBytes > limits.maxStateBytes) {
      throw wrong(path, `one sequence takes more than max_state_bytes ${limits.maxStateBytes}`);
    }
    const initial = await initialState(state, { source, sizeBytes: initialBytes, wrong, path });
    const { input_name: input, output_name: output, dims } = state;
    states.push({ input, output, datatype, dims, initialShape, initial });
  }
  const controls = batching.control_input.flatMap(({ name, control: [control] }) =>
    control === undefined ? [] : controlOf(name, control),
  );
  const together = rowsProblem === '' && slotsAreRows(config);
  return {
    ...limits,
    strategy: together ? 'direct' : 'oldest',
    controls,
    states,
    ...(iteration === undefined ? {} : { iteration }),
    model: together ? { ...model, statistics: pendingOnly(model.statistics) } : model,
  };
}

interface InitialStateOptions {
  readonly source: ModelSource;
  readonly sizeBytes: number;
  readonly wrong: (path: string, problem: string) => ServingError;
  readonly path: string;
}

async function initialState(
  { initial_state: [given], data_type: type }: SequenceStateConfig,
  { source, sizeBytes, wrong, path }: InitialStateOptions,
): Promise<Uint8Array> {
  const file = given?.data_file ?? '';
  if (file === '') return new Uint8Array(sizeBytes);
  if (type === 'TYPE_STRING') throw wrong(path, 'strings can only begin with zero_data');
  const data = await readModelFile(source, `initial_state/${file}`, sizeBytes);
  if (data.byteLength !== sizeBytes) {
    throw wrong(path, `its data_file has ${data.byteLength} bytes, and the state takes ${sizeBytes}`);
  }
  return data;
}

const kinds: Readonly<Record<SequenceControlConfig['kind'], ControlKind>> = {
  CONTROL_SEQUENCE_START: 'start',
  CONTROL_SEQUENCE_READY: 'ready',
  CONTROL_SEQUENCE_END: 'end',
  CONTROL_SEQUENCE_CORRID: 'corrid',
};

function controlOf(name: string, control: SequenceControlConfig): SequenceControl {
  const datatype = datatypeOf(controlType(control));
  if (datatype === undefined) throw new Error('bug: the datatype was not checked');
  const [off, on] = [0, 1].map((at) => controlElement(control, at));
  return {
    kind: kinds[control.kind],
    name,
    datatype,
    off: off ?? new Uint8Array(),
    on: on ?? new Uint8Array(),
  };
}

function controlElement(control: SequenceControlConfig, at: number): Uint8Array {
  const [integer, float, bool] = [
    control.int32_false_true[at],
    control.fp32_false_true[at],
    control.bool_false_true[at],
  ];
  const element = new DataView(new ArrayBuffer(4));
  if (integer !== undefined) element.setInt32(0, integer, true);
  else if (float !== undefined) element.setFloat32(0, float, true);
  else if (bool !== undefined) return new Uint8Array([bool ? 1 : 0]);
  else return new Uint8Array();
  return new Uint8Array(element.buffer);
}
