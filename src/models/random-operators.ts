import { open } from 'node:fs/promises';
import { deepestNesting, ProtobufFile } from './protobuf-file.ts';
import { ServingError } from '../errors.ts';

/** The messages of onnx.proto on the way to a node, wherever it stands: field numbers of what they hold. */
const onnx = {
  model: { 7: 'graph', 25: 'function' },
  function: { 7: 'node' },
  graph: { 1: 'node' },
  node: { 5: 'attribute' },
  attribute: { 6: 'graph', 11: 'graph' },
} as const satisfies Record<string, Readonly<Record<number, string>>>;

type OnnxMessage = keyof typeof onnx;

const children: Readonly<Record<OnnxMessage, Readonly<Record<number, OnnxMessage>>>> = onnx;

/** Fields of NodeProto. */
const nodeInput = 1;
const nodeOperator = 4;

const longestName = 4096;

const alwaysRandom: ReadonlySet<string> = new Set([
  'Bernoulli',
  'Multinomial',
  'RandomNormal',
  'RandomNormalLike',
  'RandomUniform',
  'RandomUniformLike',
]);

/** With a third input, Dropout may be in training mode, where it drops something else each time. */
const dropout = 'Dropout';
const dropoutTrainingInputs = 3;

/**
 * An operator in an ONNX model, its subgraphs and functions included, that gives something else each time; '' without any.
 *
 * @throws ServingError invalid_argument when the file is no ONNX model.
 */
export async function randomOperator(path: string): Promise<string> {
  await using handle = await open(path, 'r');
  const { size } = await handle.stat();
  return await walk(new ProtobufFile(handle, size), 'model', size, 0);
}

async function walk(file: ProtobufFile, message: OnnxMessage, end: number, depth: number): Promise<string> {
  if (depth > deepestNesting) {
    throw new ServingError('invalid_argument', 'the ONNX model is nested too deep', {
      reason: 'MODEL_LOAD_FAILED',
    });
  }
  let operator = '';
  let inputs = 0;
  for (let field = await file.next(end); field !== undefined; field = await file.next(end)) {
    if (!field.delimited) continue;
    const { number, start, end: fieldEnd } = field;
    if (message === 'node' && number === nodeInput) inputs += 1;
    if (message === 'node' && number === nodeOperator && fieldEnd - start <= longestName) {
      operator = (await file.bytes(start, fieldEnd)).toString();
    }
    const child = children[message][number];
    if (child === undefined) continue;
    file.seek(start);
    const found = await walk(file, child, fieldEnd, depth + 1);
    if (found !== '') return found;
    file.seek(fieldEnd);
  }
  if (alwaysRandom.has(operator)) return operator;
  return operator === dropout && inputs >= dropoutTrainingInputs ? operator : '';
}
