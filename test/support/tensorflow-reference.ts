import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';
import type { Plain } from './protobuf-reference.ts';

/** TensorFlow Serving's messages by protobufjs: the reference for what the server's own code reads and writes. */
const root = new protobuf.Root();
const bundled = root.resolvePath.bind(root);
root.resolvePath = (origin, target) =>
  target.startsWith('tensorflow/')
    ? fileURLToPath(new URL(`../../proto/${target}`, import.meta.url))
    : (bundled(origin, target) ?? target);
root.loadSync('tensorflow/serving.proto', { keepCase: true });

/** @param type without its package `tensorflow.serving`. */
export function encodeTensorflow(type: string, message: Plain): Buffer {
  const found = root.lookupType(`tensorflow.serving.${type}`);
  return Buffer.from(found.encode(found.fromObject(message)).finish());
}

export function decodeTensorflow(type: string, bytes: Uint8Array): Plain {
  const found = root.lookupType(`tensorflow.serving.${type}`);
  return found.toObject(found.decode(bytes), { longs: String, enums: String, bytes: Buffer });
}
