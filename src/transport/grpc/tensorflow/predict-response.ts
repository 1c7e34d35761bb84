import type { InferResponse } from '../../../inference/response.ts';
import type { Tensor } from '../../../inference/tensor.ts';
import { signatureName } from '../../../inference/tensorflow-rules.ts';
import type { Encoded } from '../method.ts';
import {
  encodeBytesField,
  encodeStringField,
  encodeVarintField,
  varintSize,
  writeVarint,
} from '../wire-writer.ts';
import { formOf } from './value-forms.ts';
import { packedValues, stringValues } from './write-values.ts';

/** A PredictResponse. Floats and flags are views of the response's tensors. */
export function encodePredictResponse({ model, version, outputs }: InferResponse): Encoded {
  const pieces: Uint8Array[] = [];
  for (const tensor of outputs) appendOutput(pieces, tensor);
  pieces.push(encodeBytesField(2, encodeModelSpec(model, version)));
  return pieces;
}

function encodeModelSpec(model: string, version: string): Buffer {
  return Buffer.concat([
    encodeStringField(1, model),
    encodeBytesField(2, encodeVarintField(1, BigInt(version))),
    encodeStringField(3, signatureName),
  ]);
}

/** An entry of the map of outputs. */
function appendOutput(pieces: Uint8Array[], tensor: Tensor): void {
  const { name, datatype, shape } = tensor;
  const { dtype, field } = formOf(datatype);
  const key = encodeStringField(1, name);
  const described = [encodeVarintField(1, dtype), encodeBytesField(2, encodeShape(shape))];
  let values = datatype === 'BYTES' ? stringValues(tensor, field) : packedValues(tensor);
  if (datatype !== 'BYTES' && values.length > 0) described.push(bytesFieldHead(field, values.length));
  if (values.length === 0) values = noValues;
  const head = Buffer.concat(described);
  const tensorBytes = head.length + values.length;
  const entryBytes = key.length + 1 + varintSize(tensorBytes) + tensorBytes;
  pieces.push(
    Buffer.concat([bytesFieldHead(1, entryBytes), key, bytesFieldHead(2, tensorBytes), head]),
    values,
  );
}

const noValues = new Uint8Array(0);

/** Tag and length of a field whose bytes follow. */
function bytesFieldHead(field: number, sizeBytes: number): Buffer {
  const head = Buffer.allocUnsafe(16);
  return head.subarray(0, writeVarint(head, writeVarint(head, 0, field * 8 + 2), sizeBytes));
}

function encodeShape(shape: readonly number[]): Buffer {
  return Buffer.concat(shape.map((size) => encodeBytesField(2, encodeVarintField(1, size))));
}
