import protobuf from 'protobufjs';

/** A field's number and its value: bytes and text are written delimited, numbers as varints. */
export type OnnxField = readonly [number: number, value: Uint8Array | string | number];

/** A protobuf message made of fields, in the order given. */
export function wireMessage(...fields: readonly OnnxField[]): Uint8Array {
  const writer = protobuf.Writer.create();
  for (const [number, value] of fields) {
    if (typeof value === 'number') writer.uint32(number << 3).int64(value);
    else if (typeof value === 'string') writer.uint32((number << 3) | 2).string(value);
    else writer.uint32((number << 3) | 2).bytes(value);
  }
  return writer.finish();
}

/** A TensorProto whose data lies in a file of that name. */
export function externalTensor(location: string): Uint8Array {
  const entry = wireMessage([1, 'location'], [2, location]);
  const offset = wireMessage([1, 'offset'], [2, '0']);
  return wireMessage([1, 4], [2, 1], [8, 'weights'], [13, entry], [13, offset], [14, 1]);
}

/** A ModelProto with external initializers; what ONNX Runtime would need beyond that is left out. */
export function buildOnnx(...locations: readonly string[]): Uint8Array {
  const initializers = locations.map((location): OnnxField => [5, externalTensor(location)]);
  const inner = wireMessage([8, 'inner'], [9, new Uint8Array(100)]);
  return wireMessage([1, 8], [2, 'test'], [7, wireMessage([2, 'graph'], [5, inner], ...initializers)]);
}
