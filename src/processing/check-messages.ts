import { datatypeSizeBytes, isDatatype } from '../inference/datatype.ts';
import type { DeclaredTensor, ModuleDeclaration } from '../inference/processing.ts';
import { elementCount, type Tensor } from '../inference/tensor.ts';
import { printable } from '../util/printable.ts';
import type { FromModule } from './messages.ts';

const mostTensors = 1024;
const mostDimensions = 64;

/** A module's process said what it cannot say; the text is for the log, and at load for operators. */
export class MessageError extends Error {}

/** Whatever the process sent, as a message. @throws MessageError */
export function checkMessage(message: unknown): FromModule {
  if (!isObject(message)) throw new MessageError('its process sent what is no message');
  const fields = new Map<string, unknown>(Object.entries(message));
  const heldBytes = Number(fields.get('heldBytes') ?? 0);
  const [kind, text, state] = [fields.get('kind'), fields.get('text'), fields.get('state')];
  if (kind === 'opened') {
    const hooks = fields.get('hooks');
    return { kind, declaration: fields.get('declaration'), hooks: Array.isArray(hooks) ? hooks : [] };
  }
  if (kind === 'refused' || kind === 'failed') return { kind, text: String(text), heldBytes };
  if (kind !== 'done') throw new MessageError('its process sent what is no message');
  if (state !== undefined && !(state instanceof Uint8Array)) throw new MessageError('its state is no bytes');
  return { kind, tensors: checkTensors(fields.get('tensors')), state, heldBytes };
}

function checkTensors(tensors: unknown): readonly Tensor[] {
  if (!Array.isArray(tensors) || tensors.length > mostTensors) {
    throw new MessageError(`it returned more than ${mostTensors} tensors, or none`);
  }
  return tensors.map((tensor) => checkTensor(tensor));
}

function checkTensor(tensor: unknown): Tensor {
  const { name, datatype, shape, data } = fieldsOf(tensor);
  if (typeof name !== 'string' || typeof datatype !== 'string' || !isDatatype(datatype)) {
    throw new MessageError('it returned a tensor without a name or a datatype');
  }
  if (!isDims(shape, 0) || !(data instanceof Uint8Array)) {
    throw new MessageError(`it returned '${printable(name)}' without a shape or data`);
  }
  const count = elementCount(shape);
  const size = datatypeSizeBytes[datatype];
  const fits = size === 0 ? bytesCount(data) === count : data.byteLength === count * size;
  if (!fits)
    throw new MessageError(`it returned '${printable(name)}' with data that its shape does not stand for`);
  return { name, datatype, shape, data };
}

/** Elements of a BYTES tensor; -1 when they do not fill it. */
function bytesCount(data: Uint8Array): number {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let [offset, count] = [0, 0];
  for (; offset + 4 <= data.byteLength; count++) offset += 4 + view.getUint32(offset, true);
  return offset === data.byteLength ? count : -1;
}

/** What a module exports beside its hooks. @throws MessageError that names what is wrong. */
export function checkDeclaration(declaration: unknown, hooks: readonly string[]): ModuleDeclaration {
  const { inputs, outputs } = fieldsOf(declaration);
  const [preprocess, postprocess] = [hooks.includes('preprocess'), hooks.includes('postprocess')];
  if (!preprocess && !postprocess) throw new MessageError('it exports neither preprocess nor postprocess');
  if (inputs !== undefined && !preprocess) throw new MessageError('it exports inputs, but no preprocess');
  if (outputs !== undefined && !postprocess) throw new MessageError('it exports outputs, but no postprocess');
  return {
    inputs: inputs === undefined ? undefined : checkDeclared(inputs, 'inputs'),
    outputs: outputs === undefined ? undefined : checkDeclared(outputs, 'outputs'),
    preprocess,
    postprocess,
  };
}

function checkDeclared(list: unknown, kind: 'inputs' | 'outputs'): readonly DeclaredTensor[] {
  if (!Array.isArray(list) || list.length === 0 || list.length > mostTensors) {
    throw new MessageError(`its ${kind} are no list of 1 to ${mostTensors} tensors`);
  }
  const declared = list.map((entry, index) => checkEntry(entry, `${kind}[${index}]`));
  const names = declared.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new MessageError(`its ${kind} name '${printable(twice)}' twice`);
  return declared;
}

function checkEntry(entry: unknown, place: string): DeclaredTensor {
  const { name, datatype, dims, labels = [] } = fieldsOf(entry);
  if (typeof name !== 'string' || name === '' || name.length > 256) {
    throw new MessageError(`${place}.name must be a text of 1 to 256 characters`);
  }
  if (typeof datatype !== 'string' || !isDatatype(datatype)) {
    throw new MessageError(`${place}.datatype must be one of ${Object.keys(datatypeSizeBytes).join(', ')}`);
  }
  if (!isDims(dims, -1)) throw new MessageError(`${place}.dims must be a list of sizes, or -1 for any size`);
  const labelled = place.startsWith('outputs') || (Array.isArray(labels) && labels.length === 0);
  if (!labelled) throw new MessageError(`${place}.labels: only outputs have them`);
  if (!isTexts(labels)) throw new MessageError(`${place}.labels must be a list of texts`);
  return { name, datatype, dims, labels };
}

function isDims(dims: unknown, least: number): dims is readonly number[] {
  return (
    Array.isArray(dims) &&
    dims.length <= mostDimensions &&
    dims.every((dim) => Number.isSafeInteger(dim) && dim >= least)
  );
}

function isTexts(list: unknown): list is readonly string[] {
  return Array.isArray(list) && list.length <= 1_000_000 && list.every((text) => typeof text === 'string');
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

interface Fields {
  readonly name?: unknown;
  readonly datatype?: unknown;
  readonly shape?: unknown;
  readonly data?: unknown;
  readonly dims?: unknown;
  readonly labels?: unknown;
  readonly inputs?: unknown;
  readonly outputs?: unknown;
}

const nothing: Fields = {};

function fieldsOf(value: unknown): Fields {
  return isObject(value) ? value : nothing;
}
