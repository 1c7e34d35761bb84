import type { ConnectionBudget } from './byte-budget.ts';
import { errorCode } from './protocol.ts';
import type { SendQueue } from './send-queue.ts';
import type { Sender } from './sender.ts';

/** What becomes of a request: told by the connection, in order, always outside of the sink's own calls. */
export interface StreamSink {
  /** `chunk[start, end)` is of the body, valid only during the call. The sink gives it back with `stream.credit`. */
  onData(chunk: Buffer, start: number, end: number): void;
  /** The peer has sent everything. */
  onEnd(): void;
  /** Everything that waited to be sent has left the stream. */
  onDrained(): void;
  /** The reply is complete and written; the stream is over. May come during the call that ended the reply. */
  onDone(): void;
  /** The stream ended early: reset by the peer, a violation, a limit, or the connection is gone. */
  onAborted(): void;
}

/** Bytes of a reply: one buffer, or pieces that are sent back to back. */
export type Body = Uint8Array | readonly Uint8Array[];

/** Header blocks of a reply, built once and sent as they are. */
export interface ReplyBlocks {
  readonly headers: Uint8Array;
  readonly trailers: Uint8Array;
}

/** What a stream needs of its connection. */
export interface StreamHost {
  /** When the bytes being handled were read, in the clock's milliseconds. */
  readonly now: number;
  /** 'unix:<path>' or 'host:port'. */
  readonly peer: string;
  readonly budget: ConnectionBudget;
  readonly streamWindowBytes: number;
  /** A handler still works for a stream that is over, or has stopped to: it counts as a concurrent stream meanwhile. */
  addLingering(count: number): void;
}

/** Sinks of streams that nobody listens to any more. */
const deafSink: StreamSink = { onData() {}, onEnd() {}, onDrained() {}, onDone() {}, onAborted() {} };

/** One request and its reply. Public fields up to `queue` belong to the connection. */
export class H2Stream {
  readonly id: number;
  readonly host: StreamHost;
  readonly openedAt: number;
  sink: StreamSink = deafSink;
  /** The peer has sent END_STREAM. */
  remoteClosed = false;
  /** We have sent END_STREAM, or the stream was reset. Nothing more can be sent. */
  localClosed = false;
  sendWindowBytes: number;
  receiveWindowBytes: number;
  receivedBytes = 0;
  /** From content-length; -1 without one. */
  declaredBytes: number;
  /** What waits for a window or the socket; undefined while nothing does. */
  queue: SendQueue | undefined = undefined;
  queuedTrailers: Uint8Array | undefined = undefined;
  /** Of the sender's streams that wait. */
  isWaiting = false;
  previous: H2Stream | undefined = undefined;
  next: H2Stream | undefined = undefined;
  /** Of the connection's table of streams. */
  neighbour: H2Stream | undefined = undefined;
  /** Since when the peer owes the rest of a message; Infinity while it owes none. Set by the sink. */
  awaitingSince = Number.POSITIVE_INFINITY;
  /** Bytes received since then. */
  awaitedBytes = 0;
  readonly #sender: Sender;
  #creditBytes = 0;
  #heldBytes = 0;
  #isWorking = false;

  constructor(id: number, host: StreamHost, sender: Sender, declaredBytes: number) {
    this.id = id;
    this.host = host;
    this.openedAt = host.now;
    this.sendWindowBytes = sender.initialWindowBytes;
    this.receiveWindowBytes = host.streamWindowBytes;
    this.declaredBytes = declaredBytes;
    this.#sender = sender;
  }

  /** Lets the peer send `sizeBytes` more on this stream. */
  credit(sizeBytes: number): void {
    this.#creditBytes += sizeBytes;
    if (this.#creditBytes < this.host.streamWindowBytes / 2 || this.remoteClosed || this.localClosed) return;
    this.receiveWindowBytes += this.#creditBytes;
    this.#sender.windowUpdate(this.id, this.#creditBytes);
    this.#creditBytes = 0;
  }

  /** Counts memory against the connection's and the server's bounds until the stream is over; false when there is none. */
  hold(sizeBytes: number): boolean {
    if (!this.host.budget.hold(sizeBytes)) return false;
    this.#heldBytes += sizeBytes;
    return true;
  }

  release(sizeBytes: number): void {
    this.#heldBytes -= sizeBytes;
    this.host.budget.release(sizeBytes);
  }

  /**
   * Sends a whole reply, in one write where the windows allow it. `prefix` is copied before the return and may be used
   * again; `body` belongs to the stream from now on. False, and nothing sent, when the memory bound forbids to queue it.
   */
  reply(blocks: ReplyBlocks, prefix: Uint8Array, body: Body): boolean {
    return this.#sender.reply(this, blocks, prefix, body);
  }

  sendHeaders(block: Uint8Array): void {
    this.#sender.headers(this, block);
  }

  /** Sends or queues pieces, which belong to the stream from now on. False, and nothing sent, as in `reply`. */
  sendData(pieces: readonly Uint8Array[]): boolean {
    return this.#sender.data(this, pieces);
  }

  /**
   * Ends the reply after what is queued: with trailers, or as a trailers-only reply when no headers were sent. An empty
   * block is no trailers, for replies whose headers were sent.
   */
  end(block: Uint8Array): void {
    this.#sender.end(this, block);
  }

  /** Ends the stream with RST_STREAM; the sink hears nothing more. */
  reset(code: number = errorCode.cancel): void {
    this.sink = deafSink;
    this.#sender.reset(this, code);
  }

  /** The handler works for this stream, and maybe for longer than the stream lives. */
  beginWork(): void {
    this.#isWorking = true;
  }

  endWork(): void {
    if (this.#isWorking && this.isOver) this.host.addLingering(-1);
    this.#isWorking = false;
  }

  /** The connection's part: true from when the stream left its table. */
  isOver = false;

  /** The connection's part: the stream has left its table. */
  leave(): void {
    this.isOver = true;
    this.localClosed = true;
    this.remoteClosed = true;
    this.queue = undefined;
    this.awaitingSince = Number.POSITIVE_INFINITY;
    if (this.#heldBytes > 0) this.release(this.#heldBytes);
    if (this.#isWorking) this.host.addLingering(1);
  }
}
