import { ServingError } from '../../errors.ts';
import { noteReceived } from '../../util/received-bytes.ts';
import type { PeerRequest } from './peer.ts';
import { refuse } from './refuse.ts';

/** Non-empty pieces of a chunked body, as in Triton: each costs work that its bytes do not pay for. */
const maxChunks = 65_536;

/** Smaller pieces are put together at once, so that a body of single bytes holds little more than its bytes. */
const smallBytes = 4096;
const blockBytes = 16_384;

/** Of a body that was refused, so much is still read, times its limit, for the client to get to reading the reply. */
const discardedLimits = 4;

export interface ReceiveLimits {
  readonly maxBytes: number;
  /** Called before bytes are kept; throws when they may not be. */
  readonly hold: (sizeBytes: number) => void;
}

/** The length that a request announces; undefined when it is chunked, 0 when it has no body. */
export function announcedBytes(request: PeerRequest): number | undefined {
  if (request.headers['transfer-encoding'] !== undefined) return undefined;
  const length = request.headers['content-length'];
  return length === undefined ? 0 : Number(length);
}

/** A refused body of this length is not worth reading: the connection is closed instead. */
export function isHopeless(request: PeerRequest, maxBytes: number): boolean {
  const sizeBytes = announcedBytes(request);
  return sizeBytes !== undefined && sizeBytes > maxBytes * discardedLimits;
}

/**
 * Reads a request's body to its end. The bytes of a body that arrives in one piece are not copied.
 *
 * @throws invalid_argument when it is too large, cancelled when the connection ends before it does, and what `hold`
 * throws. What is left of a refused body is read and dropped.
 */
export function receiveBody(request: PeerRequest, limits: ReceiveLimits): Promise<Buffer> {
  const announced = announcedBytes(request);
  if (announced !== undefined && announced > limits.maxBytes) {
    return Promise.reject(refuse.tooLarge(limits.maxBytes, announced));
  }
  return new Promise((resolve, reject) => {
    const pieces = new Pieces(announced === undefined ? maxChunks : Infinity);
    let failed = false;
    let receivedBytes = 0;
    request.on('data', (piece: Buffer) => {
      receivedBytes += piece.length;
      noteReceived(piece.length);
      if (failed) {
        if (receivedBytes > limits.maxBytes * discardedLimits) request.destroy();
        return;
      }
      try {
        if (receivedBytes > limits.maxBytes) throw refuse.tooLarge(limits.maxBytes);
        limits.hold(piece.length);
        pieces.add(piece);
      } catch (error) {
        failed = true;
        pieces.clear();
        reject(ServingError.from(error));
      }
    });
    let ended = false;
    request.once('end', () => {
      ended = true;
      if (!failed) resolve(pieces.join());
    });
    // Also when all of it had come, and nobody had read it yet.
    const lost = (): void => {
      if (!ended) reject(new ServingError('cancelled', 'the client is gone', { reason: 'CANCELLED' }));
    };
    request.once('error', lost);
    request.once('close', lost);
  });
}

/** What has arrived of a body. */
class Pieces {
  readonly #maxPieces: number;
  #list: Buffer[] = [];
  #count = 0;
  #block: Buffer | undefined = undefined;
  #blockUsed = 0;

  constructor(maxPieces: number) {
    this.#maxPieces = maxPieces;
  }

  add(piece: Buffer): void {
    if (++this.#count > this.#maxPieces) throw refuse.chunks(this.#maxPieces);
    if (this.#count === 1 || piece.length >= smallBytes) {
      this.#closeBlock();
      this.#list.push(piece);
      return;
    }
    if (this.#block === undefined || piece.length > blockBytes - this.#blockUsed) {
      this.#closeBlock();
      this.#block = Buffer.allocUnsafeSlow(blockBytes);
    }
    this.#block.set(piece, this.#blockUsed);
    this.#blockUsed += piece.length;
  }

  clear(): void {
    this.#list = [];
    this.#block = undefined;
  }

  join(): Buffer {
    this.#closeBlock();
    const [first, second] = this.#list;
    return first !== undefined && second === undefined ? first : Buffer.concat(this.#list);
  }

  #closeBlock(): void {
    if (this.#block !== undefined) this.#list.push(this.#block.subarray(0, this.#blockUsed));
    this.#block = undefined;
    this.#blockUsed = 0;
  }
}
