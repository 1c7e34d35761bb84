import { writeUint32 } from '../h2/bytes.ts';
import type { GrpcEncoding } from './h2-compression.ts';
import { prefixBytes } from './h2-message-reader.ts';
import type { Encoded } from './method.ts';
import { compressFromBytes, compressMessage, type MessageEncoding } from './reply-compression.ts';

export function encodedBytes(encoded: Encoded): number {
  if (encoded instanceof Uint8Array) return encoded.length;
  let sizeBytes = 0;
  for (const piece of encoded) sizeBytes += piece.length;
  return sizeBytes;
}

/** A message with its prefix, as pieces to send; compressed with `encoding` where that pays. */
export function prepareMessage(
  message: Encoded,
  encoding: GrpcEncoding,
): readonly Uint8Array[] | Promise<readonly Uint8Array[]> {
  const sizeBytes = encodedBytes(message);
  if (encoding !== 'identity' && sizeBytes >= compressFromBytes) return compress(message, encoding);
  const prefix = Buffer.alloc(prefixBytes);
  writeUint32(prefix, 1, sizeBytes);
  return message instanceof Uint8Array ? [prefix, message] : [prefix, ...message];
}

async function compress(message: Encoded, encoding: MessageEncoding): Promise<readonly Uint8Array[]> {
  const compressed = await compressMessage(
    message instanceof Uint8Array ? message : Buffer.concat(message),
    encoding,
  );
  const prefix = Buffer.alloc(prefixBytes);
  prefix[0] = 1;
  writeUint32(prefix, 1, compressed.length);
  return [prefix, compressed];
}
