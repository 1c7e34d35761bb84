import { ServingError } from '../errors.ts';
import type { SessionMetadata, SessionTensor } from '../inference/executor.ts';
import type { ModelConfig, ModelInputConfig, ModelOutputConfig } from './config.ts';
import { configDatatype, shapeOf, shownShape } from './model-shape.ts';

/**
 * Holds a complete configuration against the model that it describes. Declared output shapes are not held against it:
 * exporters get them wrong, and only a run tells.
 *
 * @throws ServingError invalid_argument with Triton's texts.
 */
export function checkSession(config: ModelConfig, { inputs, outputs }: SessionMetadata): void {
  if (config.input.length !== inputs.length) {
    throw mismatch(
      `unable to load model '${config.name}', configuration expects ${config.input.length} inputs, model provides ${inputs.length}`,
    );
  }
  for (const input of config.input) {
    const own = find('input', input.name, inputs);
    checkDatatype('input', input, own);
    checkDims(config, input, own);
    if (input.optional && config.max_batch_size > 0) {
      throw mismatch(
        `model '${config.name}': input '${input.name}' is optional, which needs max_batch_size 0`,
      );
    }
  }
  for (const output of config.output) checkDatatype('output', output, find('output', output.name, outputs));
}

function find(kind: 'input' | 'output', name: string, tensors: readonly SessionTensor[]): SessionTensor {
  const own = tensors.find((tensor) => tensor.name === name);
  if (own !== undefined) return own;
  const allowed = tensors.map((tensor) => tensor.name).join(', ');
  throw mismatch(`unexpected inference ${kind} '${name}', allowed ${kind}s are: ${allowed}`);
}

function checkDatatype(
  kind: 'input' | 'output',
  tensor: ModelInputConfig | ModelOutputConfig,
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
