import type { ModelConfigMessage } from '../../../../inference/catalog.ts';
import type { Tensor } from '../../../../inference/tensor.ts';

/** The output in the shape that the ONNX model gives it, where the configuration reshapes it for clients. */
export function inNativeShape(tensor: Tensor, config: ModelConfigMessage): Tensor {
  const reshape = reshapeOf(config['output'], tensor.name);
  if (reshape === undefined || reshape.includes(-1)) return tensor;
  const rows = Number(config['max_batch_size'] ?? 0) > 0 ? tensor.shape.slice(0, 1) : [];
  return { ...tensor, shape: [...rows, ...reshape] };
}

function reshapeOf(outputs: unknown, name: string): readonly number[] | undefined {
  if (!Array.isArray(outputs)) return undefined;
  const found: unknown = outputs.find((output: unknown) => fieldOf(output, 'name') === name);
  const shape = fieldOf(fieldOf(found, 'reshape'), 'shape');
  return Array.isArray(shape) ? shape.map(Number) : undefined;
}

function fieldOf(value: unknown, field: string): unknown {
  return new Map<string, unknown>(Object.entries(Object(value))).get(field);
}
