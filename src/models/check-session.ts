import { ServingError } from '../errors.ts';
import type { SessionMetadata, SessionTensor } from '../inference/executor.ts';
import { batchInputNames } from './ragged-config.ts';
import type { ModelConfig, ModelInputConfig } from './config.ts';
import { configDatatype, shapeOf, shownShape } from './model-shape.ts';

/**
 * Holds a complete configuration against the model that it describes. Declared output shapes are not held against it:
 * exporters get them wrong, and only a run tells.
 *
 * @throws ServingError invalid_argument with Triton's texts.
 */
export function checkSession(config: ModelConfig, { inputs, outputs }: SessionMetadata): void {
  const expected = config.input.length + batchInputNames(config).length;
  if (expected !== inputs.length) {
    throw mismatch(
      `unable to load model '${config.name}', configuration expects ${expected} inputs, model provides ${inputs.length}`,
    );
  }
  checkBatchInputs(config, inputs);
  for (const input of config.input) {
    const own = find('input', input.name, inputs);
    checkDatatype('input', input, own);
    if (input.allow_ragged_batch) checkRaggedShape(config, input, own);
    else checkDims(config, input, own);
    if (input.optional && config.max_batch_size > 0) {
      throw mismatch(
        `model '${config.name}': input '${input.name}' is optional, which needs max_batch_size 0`,
      );
    }
  }
  for (const output of config.output) checkDatatype('output', output, find('output', output.name, outputs));
}

/** The elements of all requests of a batch come in one dimension. */
function checkRaggedShape({ name }: ModelConfig, input: ModelInputConfig, own: SessionTensor): void {
  const shape = shapeOf(own);
  if (shape.length === 1 && shape[0] === -1) return;
  throw mismatch(
    `model '${name}', tensor '${input.name}': a ragged input must have shape [-1] in the model, and it has ${shownShape(shape)}`,
  );
}

function checkBatchInputs(config: ModelConfig, inputs: readonly SessionTensor[]): void {
  for (const { kind, data_type, target_name: targets } of config.batch_input) {
    const rank = kind === 'BATCH_ITEM_SHAPE' ? 2 : 1;
    for (const name of targets) {
      const own = find('input', name, inputs);
      checkDatatype('input', { name, data_type }, own);
      if (own.shape.length === rank && shapeOf(own)[0] === -1) continue;
      throw mismatch(
        `model '${config.name}', tensor '${name}': a batch input of kind ${kind} has ${rank} dimensions, the first of any size, and the model expects ${shownShape(shapeOf(own))}`,
      );
    }
  }
}

function find(kind: 'input' | 'output', name: string, tensors: readonly SessionTensor[]): SessionTensor {
  const own = tensors.find((tensor) => tensor.name === name);
  if (own !== undefined) return own;
  const allowed = tensors.map((tensor) => tensor.name).join(', ');
  throw mismatch(`unexpected inference ${kind} '${name}', allowed ${kind}s are: ${allowed}`);
}

function checkDatatype(
  kind: 'input' | 'output',
  tensor: Pick<ModelInputConfig, 'name' | 'data_type'>,
  { datatype }: SessionTensor,
): void {
  const expected = datatype === undefined ? 'TYPE_INVALID' : configDatatype(datatype);
  if (tensor.data_type !== expected) {
    throw mismatch(
      `unexpected datatype ${tensor.data_type} for inference ${kind} '${tensor.name}', expecting ${expected}`,
    );
  }
}

/** Every size that the configuration allows must be one that the model takes. */
function checkDims(
  { name, max_batch_size: maxBatchSize }: ModelConfig,
  input: ModelInputConfig,
  own: SessionTensor,
): void {
  const model = shapeOf(own);
  const where = `model '${name}', tensor '${input.name}'`;
  if (maxBatchSize > 0 && model[0] !== -1) {
    throw mismatch(
      `${where}: for the model to support batching the shape should have at least 1 dimension and the first dimension must be -1; but shape expected by the model is ${shownShape(model)}`,
    );
  }
  const dims = input.reshape?.shape ?? input.dims;
  const configured = maxBatchSize > 0 ? [-1, ...dims] : dims;
  if (configured.length === model.length && model.every((dim, at) => dim === -1 || dim === configured[at]))
    return;
  const shape =
    maxBatchSize > 0
      ? `an initial batch dimension because max_batch_size > 0 followed by the explicit tensor shape, making complete shape ${shownShape(configured)}`
      : `shape ${shownShape(configured)}`;
  throw mismatch(
    `${where}: the model expects ${model.length} dimensions (shape ${shownShape(model)}) but the model configuration specifies ${configured.length} dimensions (${shape})`,
  );
}

function mismatch(message: string): ServingError {
  return new ServingError('invalid_argument', message.slice(0, 1000), { reason: 'MODEL_CONFIG' });
}
