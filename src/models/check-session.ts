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

function checkDims(config: ModelConfig, input: ModelInputConfig, own: SessionTensor): void {
  const whole = shapeOf(own);
  const where = `model '${config.name}', tensor '${input.name}'`;
  if (config.max_batch_size > 0 && whole[0] !== -1) {
    throw mismatch(
      `${where}: for the model to support batching the shape should have at least 1 dimension and the first dimension must be -1; but shape expected by the model is ${shownShape(whole)}`,
    );
  }
  const expected = whole.slice(config.max_batch_size > 0 ? 1 : 0);
  const dims = input.reshape?.shape ?? input.dims;
  const fits =
    dims.length === expected.length &&
    dims.every((dim, index) => dim === -1 || expected[index] === -1 || dim === expected[index]);
  if (!fits) {
    throw mismatch(
      `${where}: the model expects ${expected.length} dimensions (shape ${shownShape(expected)}) but the model configuration specifies ${dims.length} dimensions (${shownShape(dims)})`,
    );
  }
}

function mismatch(message: string): ServingError {
  return new ServingError('invalid_argument', message.slice(0, 1000), { reason: 'MODEL_CONFIG' });
}
