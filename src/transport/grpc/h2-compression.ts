import { createGunzip, createInflate } from 'node:zlib';
import { ServingError } from '../../errors.ts';
import type { MessageEncoding } from './reply-compression.ts';

/** Message encodings that both directions know. `deflate` is zlib's format, as gRPC means it. */
export type GrpcEncoding = 'identity' | MessageEncoding;

export const acceptedEncodings = 'identity,gzip,deflate';

export function isGrpcEncoding(name: string): name is GrpcEncoding {
  return name === 'identity' || name === 'gzip' || name === 'deflate';
}

export interface InflateLimits {
  readonly maxBytes: number;
  /** Asked for every piece of output before it is kept; false when the memory bound is reached. */
  readonly hold: (sizeBytes: number) => boolean;
}

/**
 * Decompresses one message piece by piece, so that a small message that inflates to a huge one costs no more memory
 * than its limit.
 *
 * @throws ServingError invalid_argument when the bytes are not of the encoding, resource_exhausted above a limit.
 */
export async function inflateMessage(
  encoding: MessageEncoding,
  message: Buffer,
  limits: InflateLimits,
): Promise<Buffer> {
  const stream = encoding === 'gzip' ? createGunzip() : createInflate();
  stream.end(message);
  const pieces: Buffer[] = [];
  let sizeBytes = 0;
  try {
    for await (const piece of stream as AsyncIterable<Buffer>) {
      sizeBytes += piece.length;
      if (sizeBytes > limits.maxBytes) throw messageTooLarge(limits.maxBytes);
      if (!limits.hold(piece.length)) throw memoryExhausted();
      pieces.push(piece);
    }
  } catch (error) {
    if (error instanceof ServingError) throw error;
    throw new ServingError('invalid_argument', `message is not valid ${encoding}`, { cause: error });
  }
  return Buffer.concat(pieces, sizeBytes);
}

export function messageTooLarge(maxBytes: number): ServingError {
  return new ServingError(
    'resource_exhausted',
    `message is larger than ${maxBytes} bytes, the server's --grpc-max-message-bytes`,
  );
}

/** The bound on bytes held for all requests is reached; other calls will free some. */
export function memoryExhausted(): ServingError {
  return new ServingError('resource_exhausted', 'server is holding as many request bytes as it may', {
    reason: 'MEMORY_BUDGET',
    retryAfterMs: 100,
  });
}
