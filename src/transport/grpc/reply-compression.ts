import { promisify } from 'node:util';
import { constants, deflate, gzip } from 'node:zlib';

/** Encodings of messages that both sides of a call may use. */
export type MessageEncoding = 'gzip' | 'deflate';

/** Replies below this size do not get smaller enough to be worth a trip through a thread of the pool. */
export const compressFromBytes = 1024;

const run = { gzip: promisify(gzip), deflate: promisify(deflate) } as const;

/** Compresses a message, fast rather than well: tensors hardly shrink. */
export function compressMessage(message: Uint8Array, encoding: MessageEncoding): Promise<Buffer> {
  return run[encoding](message, { level: constants.Z_BEST_SPEED });
}

/**
 * Makes grpc-js send `message`, which is compressed, with the compressed flag set. The library writes flag and length
 * and then copies the message behind them; it has no way to set the flag, so the copy sets it.
 */
export function markCompressed(message: Buffer): Buffer {
  const copy = message.copy.bind(message);
  const marked = (target: Uint8Array, targetStart?: number): number => {
    target[0] = 1;
    return copy(target, targetStart);
  };
  return Object.assign(message, { copy: marked });
}
