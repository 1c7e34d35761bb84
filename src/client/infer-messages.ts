import { ServingError } from '../errors.ts';
import { contentsFields, isDatatype, type Datatype } from '../inference/datatype.ts';
import type { WireMessage } from './connection.ts';
import { items, numbers, part, text } from './fields.ts';
import { datatypeOf, decodeElements, encodeElements } from './tensor-data.ts';
import type {
  ClientParameter,
  InferAnswer,
  InferCall,
  InputTensor,
  OutputTensor,
  StreamReply,
} from './types.ts';

/** inference.ModelInferRequest, all tensors raw. @throws ServingError invalid_argument */
export function encodeInfer(call: InferCall): object {
  const inputs = call.inputs.map(encodeInput);
  return {
    model_name: call.model,
    model_version: call.version ?? '',
    id: call.id ?? '',
    parameters: encodeParameters(call.parameters ?? {}),
    inputs: inputs.map(({ tensor }) => tensor),
    outputs: (call.outputs ?? []).map((output) => {
      if (typeof output === 'string') return { name: output };
      const { name, classification } = output;
      return { name, parameters: classification === undefined ? {} : encodeParameters({ classification }) };
    }),
    raw_input_contents: inputs.map(({ raw }) => raw),
  };
}

function encodeInput({ name, datatype, shape, data }: InputTensor): { tensor: object; raw: Uint8Array } {
  const type = datatype ?? datatypeOf(data);
  if (type === undefined) {
    throw new ServingError('invalid_argument', `input '${name}' needs a datatype: its elements do not tell`);
  }
  return { tensor: { name, datatype: type, shape: shape ?? [data.length] }, raw: encodeElements(type, data) };
}

function encodeParameters(parameters: Readonly<Record<string, ClientParameter>>): object {
  const encoded = Object.entries(parameters).map(([name, value]) => [name, encodeParameter(value)]);
  return Object.fromEntries(encoded) as object;
}

function encodeParameter(value: ClientParameter): object {
  if (typeof value === 'boolean') return { bool_param: value };
  if (typeof value === 'string') return { string_param: value };
  if (typeof value === 'bigint') return { int64_param: value.toString() };
  return Number.isInteger(value) ? { int64_param: value } : { double_param: value };
}

/** From inference.ModelInferResponse. @throws ServingError internal when tensors and bytes do not belong together. */
export function decodeInfer(message: WireMessage): InferAnswer {
  const raw = items(message, 'raw_output_contents');
  return {
    model: text(message, 'model_name'),
    version: text(message, 'model_version'),
    id: text(message, 'id'),
    outputs: items(message, 'outputs').map((output, index) => decodeOutput(part(output), raw[index])),
    parameters: decodeParameters(part(message['parameters'])),
  };
}

function decodeOutput(output: WireMessage, raw: unknown): OutputTensor {
  const name = text(output, 'name');
  const datatype = text(output, 'datatype');
  const shape = numbers(output, 'shape');
  if (!isDatatype(datatype))
    throw new ServingError('internal', `output '${name}' has unknown datatype '${datatype}'`);
  if (raw instanceof Uint8Array) return { name, datatype, shape, data: decodeElements(datatype, raw) };
  return { name, datatype, shape, data: decodeElements(datatype, typedContents(datatype, output)) };
}

/** Other servers may mirror the form of the request; then the elements are turned into the bytes of the raw form. */
function typedContents(datatype: Datatype, output: WireMessage): Uint8Array {
  const elements = items(part(output['contents']), contentsFields.get(datatype) ?? '');
  const wide = datatype === 'INT64' || datatype === 'UINT64';
  return encodeElements(
    datatype,
    wide ? elements.map((element) => BigInt(String(element))) : (elements as number[]),
  );
}

function decodeParameters(message: WireMessage): Record<string, ClientParameter> {
  const decoded: Record<string, ClientParameter> = Object.create(null) as Record<string, ClientParameter>;
  for (const [name, choice] of Object.entries(message)) {
    const parameter = part(choice);
    if (typeof parameter['bool_param'] === 'boolean') decoded[name] = parameter['bool_param'];
    else if (typeof parameter['string_param'] === 'string') decoded[name] = parameter['string_param'];
    else if (typeof parameter['double_param'] === 'number') decoded[name] = parameter['double_param'];
    else decoded[name] = wideNumber(text(parameter, 'int64_param') || text(parameter, 'uint64_param'));
  }
  return decoded;
}

function wideNumber(decimal: string): number | bigint {
  const wide = BigInt(decimal);
  const narrow = Number(wide);
  return Number.isSafeInteger(narrow) ? narrow : wide;
}

/** From inference.ModelStreamInferResponse. */
export function decodeStreamReply(message: WireMessage): StreamReply {
  const error = text(message, 'error_message');
  const answer = part(message['infer_response']);
  if (error === '') return { kind: 'answer', answer: decodeInfer(answer) };
  return { kind: 'error', id: text(answer, 'id'), message: error };
}

/** The elements of a BYTES output as UTF-8. */
export function texts({ data }: OutputTensor): string[] {
  const decoder = new TextDecoder();
  const decoded: string[] = [];
  for (const element of data) {
    if (element instanceof Uint8Array) decoded.push(decoder.decode(element));
    else decoded.push(String(element));
  }
  return decoded;
}
