import { ServingError } from '../errors.ts';
import type { ModelSpec } from '../inference/model-spec.ts';
import type { InferRequest, RequestedOutput } from '../inference/request.ts';
import type { InferResponse } from '../inference/response.ts';
import { elementCount, type Tensor } from '../inference/tensor.ts';
import { topClasses, type Scores } from './top-classes.ts';

/** Scores of larger outputs are not ranked, as in Triton. */
const maxScores = 1_000_000;

const parameterName = 'classification';

/** Whether any output is wanted as classes. */
export function asksForClasses({ outputs }: InferRequest): boolean {
  for (let i = 0; i < outputs.length; i++) {
    const parameters = outputs[i]?.parameters;
    if (parameters !== undefined && parameters.size > 0 && parameters.has(parameterName)) return true;
  }
  return false;
}

/**
 * Replaces outputs that were asked for with `classification=K` by their K best classes: BYTES elements
 * `score:index[:label]`, best first, one list per row of a model that batches. The request has been validated.
 *
 * @throws invalid_argument for an output of more than a million scores.
 */
export function classify(spec: ModelSpec, request: InferRequest, response: InferResponse): InferResponse {
  const outputs = response.outputs.map((tensor) => {
    const count = classesWanted(request.outputs, tensor.name);
    return count === undefined ? tensor : classesOf(spec, tensor, count);
  });
  return { ...response, outputs };
}

function classesWanted(outputs: readonly RequestedOutput[], name: string): number | undefined {
  const count = outputs.find((output) => output.name === name)?.parameters.get(parameterName);
  return typeof count === 'number' ? count : undefined;
}

function classesOf(spec: ModelSpec, tensor: Tensor, count: number): Tensor {
  const total = elementCount(tensor.shape);
  if (total > maxScores) throw tooManyScores(tensor.name, total);
  const batched = spec.maxBatchSize > 0;
  const rows = batched ? (tensor.shape[0] ?? 1) : 1;
  const width = rows === 0 ? 0 : total / rows;
  const labels = spec.outputsByName.get(tensor.name)?.labels ?? [];
  const scores = readScores(tensor);
  const elements: string[] = [];
  for (let row = 0; row < rows; row++) {
    const start = row * width;
    for (const index of topClasses(scores, start, start + width, count)) {
      const label = labels[index];
      const score = scoreText(scores[start + index] ?? 0, tensor);
      elements.push(label === undefined ? `${score}:${index}` : `${score}:${index}:${label}`);
    }
  }
  const classes = Math.min(count, width);
  return {
    name: tensor.name,
    datatype: 'BYTES',
    shape: batched ? [rows, classes] : [classes],
    data: encodeElements(elements),
  };
}

/** Floats with six decimals, as clients parse them. */
function scoreText(score: number | bigint, { datatype }: Tensor): string {
  if (typeof score === 'bigint' || (datatype !== 'FP32' && datatype !== 'FP64')) return String(score);
  if (Number.isNaN(score)) return 'nan';
  if (!Number.isFinite(score)) return score > 0 ? 'inf' : '-inf';
  // Beyond 1e21 toFixed changes to exponents; such floats are whole numbers.
  return Math.abs(score) < 1e21 ? score.toFixed(6) : `${BigInt(score)}.000000`;
}

function readScores({ data, datatype }: Tensor): Scores {
  // A copy, because typed arrays want aligned bytes.
  const { buffer } = new Uint8Array(data);
  switch (datatype) {
    case 'FP32':
      return new Float32Array(buffer);
    case 'FP64':
      return new Float64Array(buffer);
    case 'INT8':
      return new Int8Array(buffer);
    case 'INT16':
      return new Int16Array(buffer);
    case 'INT32':
      return new Int32Array(buffer);
    case 'INT64':
      return new BigInt64Array(buffer);
    case 'UINT8':
      return new Uint8Array(buffer);
    case 'UINT16':
      return new Uint16Array(buffer);
    case 'UINT32':
      return new Uint32Array(buffer);
    case 'UINT64':
      return new BigUint64Array(buffer);
    case 'BOOL':
    case 'BYTES':
    case 'FP16':
    case 'BF16':
      throw new Error(`bug: classes of ${datatype}, which admission refuses`);
  }
}

function encodeElements(elements: readonly string[]): Buffer {
  let sizeBytes = 0;
  for (const element of elements) sizeBytes += 4 + Buffer.byteLength(element);
  const data = Buffer.allocUnsafe(sizeBytes);
  let position = 0;
  for (const element of elements) {
    const length = data.write(element, position + 4);
    data.writeUInt32LE(length, position);
    position += 4 + length;
  }
  return data;
}

function tooManyScores(name: string, total: number): ServingError {
  return new ServingError(
    'invalid_argument',
    `class result not available for output '${name}': it has ${total} elements, more than ${maxScores}`,
    { reason: 'CLASSIFICATION_UNSUPPORTED' },
  );
}
