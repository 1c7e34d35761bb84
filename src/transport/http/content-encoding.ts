import { promisify } from 'node:util';
import { createGunzip, createInflate, deflate, gzip } from 'node:zlib';
import { ServingError } from '../../errors.ts';
import { refuse } from './refuse.ts';
import type { ReceiveLimits } from './receive-body.ts';

/** `deflate` is zlib's format, as HTTP means it. */
export type ContentEncoding = 'identity' | 'gzip' | 'deflate';

/** Speed matters more than size inside a data centre: level 1 is four times as fast as the default. */
const level = 1;

const compressors = { gzip: promisify(gzip), deflate: promisify(deflate) } as const;

/** @throws unimplemented for an encoding that this server cannot read. */
export function requestEncoding(header: string | undefined): ContentEncoding {
  const name = (header ?? 'identity').trim().toLowerCase();
  if (name === 'identity' || name === 'gzip' || name === 'deflate') return name;
  if (name === '') return 'identity';
  throw new ServingError('unimplemented', 'Unsupported compression type', { reason: 'ENCODING_UNSUPPORTED' });
}

/**
 * Decompresses a body piece by piece, so that a small body which inflates to a huge one costs no more than its limit.
 *
 * @throws invalid_argument when the bytes are not of the encoding or grow too large, and what `hold` throws.
 */
export async function inflateBody(
  encoding: 'gzip' | 'deflate',
  body: Buffer,
  { maxBytes, hold }: ReceiveLimits,
): Promise<Buffer> {
  const stream = encoding === 'gzip' ? createGunzip() : createInflate();
  stream.end(body);
  const pieces: Buffer[] = [];
  let sizeBytes = 0;
  try {
    for await (const piece of stream as AsyncIterable<Buffer>) {
      sizeBytes += piece.length;
      if (sizeBytes > maxBytes) throw refuse.tooLarge(maxBytes);
      hold(piece.length);
      pieces.push(piece);
    }
  } catch (error) {
    if (error instanceof ServingError) throw error;
    throw refuse.encoding(encoding, error);
  }
  return Buffer.concat(pieces, sizeBytes);
}

/** What the client likes best of what this server can write; the first among equals. */
export function replyEncoding(accepted: string | undefined): ContentEncoding {
  if (accepted === undefined) return 'identity';
  let best: ContentEncoding = 'identity';
  let bestQuality = 0;
  for (const item of accepted.slice(0, 200).split(',')) {
    const [name = '', ...options] = item.split(';').map((part) => part.trim().toLowerCase());
    const quality = qualityOf(options);
    const encoding = name === '*' ? 'gzip' : name;
    if (encoding !== 'gzip' && encoding !== 'deflate' && encoding !== 'identity') continue;
    if (quality > bestQuality) {
      best = encoding;
      bestQuality = quality;
    }
  }
  return best;
}

function qualityOf(options: readonly string[]): number {
  const given = options.find((option) => option.startsWith('q='));
  if (given === undefined) return 1;
  const quality = Number(given.slice(2));
  return quality >= 0 && quality <= 1 ? quality : 0;
}

export function compress(encoding: 'gzip' | 'deflate', pieces: readonly Uint8Array[]): Promise<Buffer> {
  return compressors[encoding](Buffer.concat(pieces), { level });
}
