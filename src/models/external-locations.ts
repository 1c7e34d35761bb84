import { open } from 'node:fs/promises';
import { ServingError } from '../errors.ts';
import { deepestNesting, ProtobufFile } from './protobuf-file.ts';

/** The messages of onnx.proto on the way to a tensor's external_data: field numbers of what they hold. */
const onnx = {
  model: { 7: 'graph', 20: 'training', 25: 'function' },
  training: { 1: 'graph', 2: 'graph' },
  function: { 7: 'node', 11: 'attribute' },
  graph: { 1: 'node', 5: 'tensor', 15: 'sparse' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparse', 23: 'sparse' },
  sparse: { 1: 'tensor', 2: 'tensor' },
  tensor: { 13: 'entry' },
  entry: {},
} as const satisfies Record<string, Readonly<Record<number, string>>>;

type OnnxMessage = keyof typeof onnx;

const children: Readonly<Record<OnnxMessage, Readonly<Record<number, OnnxMessage>>>> = onnx;

const entryKey = 1;
const entryValue = 2;
const longestText = 4096;
const mostLocations = 10_000;

/**
 * Every file that the tensors of an ONNX model name as the place of their data, wherever they stand: initializers, sparse
 * ones, attributes, subgraphs, functions. Names are as written, not checked; also of tensors whose data_location says that
 * nothing is external, since only a superset of what ONNX Runtime opens is safe to check.
 *
 * @throws ServingError invalid_argument when the file is no ONNX model.
 */
export async function externalLocations(path: string): Promise<ReadonlySet<string>> {
  await using handle = await open(path, 'r');
  const { size } = await handle.stat();
  const locations = new Set<string>();
  await walk(new ProtobufFile(handle, size), 'model', { end: size, depth: 0, locations });
  return locations;
}

interface Place {
  readonly end: number;
  readonly depth: number;
  readonly locations: Set<string>;
}

async function walk(file: ProtobufFile, message: OnnxMessage, place: Place): Promise<void> {
  if (place.depth > deepestNesting) throw refused('is nested too deep');
  if (message === 'entry') {
    await readEntry(file, place);
    return;
  }
  for (let field = await file.next(place.end); field !== undefined; field = await file.next(place.end)) {
    const child = field.delimited ? children[message][field.number] : undefined;
    if (child === undefined) continue;
    const { start, end } = field;
    file.seek(start);
    await walk(file, child, { ...place, end, depth: place.depth + 1 });
    file.seek(end);
  }
}

/** A StringStringEntryProto; of a field given twice the last counts, as in protobuf. */
async function readEntry(file: ProtobufFile, { end, locations }: Place): Promise<void> {
  let key = '';
  let value = '';
  for (let field = await file.next(end); field !== undefined; field = await file.next(end)) {
    if (!field.delimited || (field.number !== entryKey && field.number !== entryValue)) continue;
    if (field.end - field.start > longestText)
      throw refused('has an entry of external data that is too long');
    const { number } = field;
    const text = (await file.bytes(field.start, field.end)).toString();
    if (number === entryKey) key = text;
    else value = text;
  }
  if (key !== 'location') return;
  locations.add(value);
  if (locations.size > mostLocations) throw refused(`has its data in more than ${mostLocations} files`);
}

function refused(problem: string): ServingError {
  return new ServingError('invalid_argument', `the ONNX model ${problem}`, { reason: 'MODEL_LOAD_FAILED' });
}
