import { ServingError } from '../errors.ts';
import type { Datatype } from '../inference/datatype.ts';
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

const viewOf: Readonly<Partial<Record<Datatype, (bytes: ArrayBuffer) => Scores>>> = {
  FP32: (bytes) => new Float32Array(bytes),
  FP64: (bytes) => new Float64Array(bytes),
  INT8: (bytes) => new Int8Array(bytes),
  INT16: (bytes) => new Int16Array(bytes),
  INT32: (bytes) => new Int32Array(bytes),
  INT64: (bytes) => new BigInt64Array(bytes),
  UINT8: (bytes) => new Uint8Array(bytes),
  UINT16: (bytes) => new Uint16Array(bytes),
  UINT32: (bytes) => new Uint32Array(bytes),
  UINT64: (bytes) => new BigUint64Array(bytes),
};

function readScores({ data, datatype }: Tensor): Scores {
  const view = viewOf[datatype];
  if (view === undefined) throw new Error(`bug: classes of ${datatype}, which admission refuses`);
  // A copy, because typed arrays want aligned bytes.
  return view(new Uint8Array(data).buffer);
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
