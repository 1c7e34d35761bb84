import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';

/** The protocol's messages by protobufjs: the reference for the hand-written codec. */
const root = new protobuf.Root();
root.resolvePath = (_origin, target) =>
  fileURLToPath(new URL(`../../../../proto/${target.split('/').at(-1)}`, import.meta.url));
root.loadSync('grpc_service.proto', { keepCase: true });

const requestType = root.lookupType('inference.ModelInferRequest');
const responseType = root.lookupType('inference.ModelInferResponse');
const streamResponseType = root.lookupType('inference.ModelStreamInferResponse');

/** A message with the proto's field names, int64 as decimal strings, bytes as Buffers. */
export type Plain = Record<string, unknown>;

const plainOptions = { longs: String, bytes: Buffer, defaults: true, arrays: true, objects: true } as const;

export function encodeRequest(message: Plain): Buffer {
  return Buffer.from(requestType.encode(requestType.fromObject(message)).finish());
}

export function decodeRequest(bytes: Uint8Array): Plain {
  return requestType.toObject(requestType.decode(bytes), plainOptions);
}

export function decodeResponse(bytes: Uint8Array): Plain {
  return responseType.toObject(responseType.decode(bytes), plainOptions);
}

export function decodeStreamResponse(bytes: Uint8Array): Plain {
  return streamResponseType.toObject(streamResponseType.decode(bytes), plainOptions);
}
