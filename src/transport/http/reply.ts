/** Resolves when the client has room for more; rejects with cancelled when nobody reads any more. */
export type WritePiece = (piece: Uint8Array) => Promise<void>;

/** What a handler answers with. Its pieces are sent back to back without being copied together. */
export interface HttpReply {
  readonly status: number;
  /** '' without a body. */
  readonly contentType: string;
  /** Further names and values, alternating. */
  readonly headers: readonly string[];
  readonly pieces: readonly Uint8Array[];
  /** Text that may be compressed where the client likes that; tensors' bytes may not, they hardly shrink. */
  readonly compressible: boolean;
  /**
   * Writes what comes later, once the pieces have left; the body ends with it. Called once, also when nobody reads any
   * more: it settles the handler's work.
   */
  readonly more?: (write: WritePiece) => Promise<void>;
}

const noHeaders: readonly string[] = [];
const json = 'application/json';

/** Any value that JSON.stringify takes. */
export function jsonReply(value: unknown, status = 200, headers = noHeaders): HttpReply {
  const pieces = [Buffer.from(JSON.stringify(value))];
  return { status, contentType: json, headers, pieces, compressible: status === 200 };
}

/** Pieces that are one JSON document together. */
export function jsonPieces(pieces: readonly Uint8Array[]): HttpReply {
  return { status: 200, contentType: json, headers: noHeaders, pieces, compressible: true };
}

export function binaryReply(pieces: readonly Uint8Array[], headers: readonly string[]): HttpReply {
  return { status: 200, contentType: 'application/octet-stream', headers, pieces, compressible: false };
}

export function emptyReply(status = 200, headers = noHeaders): HttpReply {
  return { status, contentType: '', headers, pieces: [], compressible: false };
}
