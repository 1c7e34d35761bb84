import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';

/** A request as an exchange sees it: Node's of HTTP/1.1, or ours of HTTP/2. */
export type PeerRequest = Pick<IncomingMessage, 'method' | 'url' | 'headers' | 'complete'> & Readable;

/** The reply to it. */
export interface PeerResponse extends Writable {
  /** @param fields names and values, alternating. */
  writeHead(status: number, fields: string[]): unknown;
  /** Lets the client send its body. */
  writeContinue(): void;
  /** Of a connection that carries one reply at a time; null otherwise. */
  readonly socket: Socket | null;
}
