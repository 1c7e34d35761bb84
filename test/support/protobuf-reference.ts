import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';

/** The protocol's messages by protobufjs: the reference for what the server's own code reads and writes. */
const root = new protobuf.Root();
root.resolvePath = (_origin, target) =>
  fileURLToPath(new URL(`../../proto/${target.split('/').at(-1)}`, import.meta.url));
root.loadSync(['grpc_service.proto', 'health.proto', 'reflection.proto'], { keepCase: true });

/** A message with the proto's field names, int64 as decimal strings, bytes as Buffers, enums as names. */
export type Plain = Record<string, unknown>;

const plainOptions = {
  longs: String,
  enums: String,
  bytes: Buffer,
  defaults: true,
  arrays: true,
  objects: true,
} as const;

/** @param type full name, for example `inference.ModelReadyRequest`. */
export function encodeMessage(type: string, message: Plain): Buffer {
  const found = root.lookupType(type);
  return Buffer.from(found.encode(found.fromObject(message)).finish());
}

export function decodeMessage(type: string, bytes: Uint8Array): Plain {
  const found = root.lookupType(type);
  return found.toObject(found.decode(bytes), plainOptions);
}

export function encodeRequest(message: Plain): Buffer {
  return encodeMessage('inference.ModelInferRequest', message);
}

export function decodeRequest(bytes: Uint8Array): Plain {
  return decodeMessage('inference.ModelInferRequest', bytes);
}

export function decodeResponse(bytes: Uint8Array): Plain {
  return decodeMessage('inference.ModelInferResponse', bytes);
}

export function decodeStreamResponse(bytes: Uint8Array): Plain {
  return decodeMessage('inference.ModelStreamInferResponse', bytes);
}
