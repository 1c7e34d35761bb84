import { LinkedQueue } from '../../util/linked-queue.ts';
import { copyInto, writeUint32 } from './bytes.ts';
import type { FloodGuard } from './flood-guard.ts';
import { putFrame, putFrameHeader, putHeaders, putNumberFrame, writeFrameHeader } from './frame-writer.ts';
import type { Output } from './output.ts';
import {
  defaultHeaderTableBytes,
  defaultMaxFrameBytes,
  defaultWindowBytes,
  flag,
  frameHeaderBytes,
  frameType,
  largestWindowBytes,
} from './protocol.ts';
import { SendQueue } from './send-queue.ts';
import type { Body, H2Stream, ReplyBlocks } from './stream.ts';

/** Replies up to this size are copied into one buffer with their headers and trailers. */
const inlineReplyBytes = 8192;
/** What one stream may send before the next one waiting has its turn. */
const turnBytes = 65_536;
/** Tells the peer's decoder that we use no table (RFC 7541, section 6.3: an update to size 0). */
const emptyTableUpdate = Uint8Array.of(0x20);

const headersFrame = (frameType.headers << 8) | flag.endHeaders;
const trailersFrame = (frameType.headers << 8) | flag.endHeaders | flag.endStream;
const dataFrame = frameType.data << 8;

function isSingle(body: Body): body is Uint8Array {
  return body instanceof Uint8Array;
}

function bodyBytes(body: Body): number {
  if (isSingle(body)) return body.length;
  let sizeBytes = 0;
  for (const piece of body) sizeBytes += piece.length;
  return sizeBytes;
}

/** What the sender needs of its connection. */
export interface SenderHost {
  readonly now: number;
  /** Something was written into the output; it is to be flushed at the end of the tick. */
  wantFlush(): void;
  /** The stream's last frame was written. */
  onStreamSent(stream: H2Stream): void;
  /** The stream was ended with RST_STREAM. */
  onStreamReset(stream: H2Stream): void;
}

/** The sending side of a connection: windows, queues and the order in which streams get their turn. */
export class Sender {
  readonly output: Output;
  /** The peer's SETTINGS_INITIAL_WINDOW_SIZE. */
  initialWindowBytes = defaultWindowBytes;
  /** Bytes that the socket has not passed to the kernel, as of the last flush. */
  backlogBytes = 0;
  readonly #host: SenderHost;
  readonly #guard: FloodGuard;
  readonly #maxBacklogBytes: number;
  /** Not a Set, for the reason that the table of streams is no Map. */
  readonly #waiting = new LinkedQueue<H2Stream>();
  #windowBytes = defaultWindowBytes;
  #maxFrameBytes = defaultMaxFrameBytes;
  #mustEmptyTable = false;
  #knowsEmptyTable = false;

  constructor(output: Output, host: SenderHost, guard: FloodGuard, maxBacklogBytes: number) {
    this.output = output;
    this.#host = host;
    this.#guard = guard;
    this.#maxBacklogBytes = maxBacklogBytes;
  }

  get hasWaiting(): boolean {
    return this.#waiting.size > 0;
  }

  get isFull(): boolean {
    return this.backlogBytes + this.output.pendingBytes >= this.#maxBacklogBytes;
  }

  reply(stream: H2Stream, blocks: ReplyBlocks, prefix: Uint8Array, body: Body): boolean {
    if (stream.localClosed) return true;
    const { headers, trailers } = blocks;
    const dataBytes = prefix.length + bodyBytes(body);
    if (
      dataBytes > inlineReplyBytes ||
      dataBytes > stream.sendWindowBytes ||
      dataBytes > this.#windowBytes ||
      this.#mustEmptyTable ||
      this.isFull
    ) {
      return this.#replyInParts(stream, blocks, [Buffer.from(prefix), ...(isSingle(body) ? [body] : body)]);
    }
    this.#windowBytes -= dataBytes;
    const { output } = this;
    let at = output.reserve(3 * frameHeaderBytes + headers.length + dataBytes + trailers.length);
    const { buffer } = output;
    const { id } = stream;
    writeFrameHeader(buffer, at, headers.length, headersFrame);
    writeUint32(buffer, at + 5, id);
    copyInto(buffer, at + frameHeaderBytes, headers);
    at += frameHeaderBytes + headers.length;
    writeFrameHeader(buffer, at, dataBytes, dataFrame);
    writeUint32(buffer, at + 5, id);
    copyInto(buffer, at + frameHeaderBytes, prefix);
    at += frameHeaderBytes + prefix.length;
    if (isSingle(body)) {
      copyInto(buffer, at, body);
      at += body.length;
    } else {
      for (const piece of body) {
        copyInto(buffer, at, piece);
        at += piece.length;
      }
    }
    writeFrameHeader(buffer, at, trailers.length, trailersFrame);
    writeUint32(buffer, at + 5, id);
    copyInto(buffer, at + frameHeaderBytes, trailers);
    this.#guard.noteData();
    this.#finish(stream);
    return true;
  }

  headers(stream: H2Stream, block: Uint8Array): void {
    if (!stream.localClosed) this.#putHeaders(stream.id, block, 0);
  }

  data(stream: H2Stream, pieces: readonly Uint8Array[]): boolean {
    if (stream.localClosed) return true;
    const sizeBytes = bodyBytes(pieces);
    if (!stream.hold(sizeBytes)) return false;
    const wasWaiting = stream.queue !== undefined;
    const queue = (stream.queue ??= new SendQueue(this.#host.now));
    for (const piece of pieces) queue.push(piece);
    if (!wasWaiting) {
      if (this.#pump(stream, Number.POSITIVE_INFINITY)) this.#clearQueue(stream);
      else this.#wait(stream);
    }
    this.#host.wantFlush();
    return true;
  }

  end(stream: H2Stream, block: Uint8Array): void {
    if (stream.localClosed || stream.queuedTrailers !== undefined) return;
    if (stream.queue !== undefined) {
      stream.queuedTrailers = block;
      return;
    }
    this.#putEnd(stream.id, block);
    this.#finish(stream);
  }

  reset(stream: H2Stream, code: number): void {
    if (stream.isOver) return;
    this.resetId(stream.id, code);
    this.forget(stream);
    this.#host.onStreamReset(stream);
  }

  /** RST_STREAM for a stream that may not exist. */
  resetId(streamId: number, code: number): void {
    putNumberFrame(this.output, frameType.rstStream, streamId, code);
    this.#host.wantFlush();
  }

  windowUpdate(streamId: number, sizeBytes: number): void {
    putNumberFrame(this.output, frameType.windowUpdate, streamId, sizeBytes);
    this.#host.wantFlush();
  }

  /** The stream is over: what it still wanted to send is dropped. */
  forget(stream: H2Stream): void {
    if (!stream.isWaiting) return;
    stream.isWaiting = false;
    this.#waiting.remove(stream);
  }

  /** False when the connection's window would pass 2^31-1. */
  growWindow(sizeBytes: number): boolean {
    this.#windowBytes += sizeBytes;
    if (this.#windowBytes > largestWindowBytes) return false;
    this.pumpAll();
    return true;
  }

  /** False when the stream's window would pass 2^31-1. */
  growStreamWindow(stream: H2Stream, sizeBytes: number): boolean {
    stream.sendWindowBytes += sizeBytes;
    if (stream.sendWindowBytes > largestWindowBytes) return false;
    if (stream.queue !== undefined && this.#pump(stream, Number.POSITIVE_INFINITY))
      this.#completeQueue(stream);
    return true;
  }

  setMaxFrameBytes(sizeBytes: number): void {
    this.#maxFrameBytes = sizeBytes;
  }

  /** We never fill the peer's table; it must be told so only when it makes the table smaller than the default. */
  setPeerTableBytes(sizeBytes: number): void {
    if (sizeBytes < defaultHeaderTableBytes && !this.#knowsEmptyTable) this.#mustEmptyTable = true;
  }

  /** Gives every waiting stream its turn until windows or the socket are full. True if anything moved. */
  pumpAll(): boolean {
    let moved = false;
    for (let movedNow = true; movedNow && !this.isFull;) {
      movedNow = false;
      let next: H2Stream | undefined;
      for (let stream = this.#waiting.first; stream !== undefined; stream = next) {
        next = stream.next;
        const before = stream.queue?.sizeBytes ?? 0;
        if (this.#pump(stream, turnBytes)) this.#completeQueue(stream);
        if ((stream.queue?.sizeBytes ?? 0) < before) movedNow = true;
        if (this.#windowBytes <= 0 || this.isFull) break;
      }
      moved ||= movedNow;
    }
    if (moved) this.#host.wantFlush();
    return moved;
  }

  #replyInParts(stream: H2Stream, blocks: ReplyBlocks, pieces: readonly Uint8Array[]): boolean {
    const sizeBytes = bodyBytes(pieces);
    if (!stream.hold(sizeBytes)) return false;
    stream.release(sizeBytes);
    this.headers(stream, blocks.headers);
    this.data(stream, pieces);
    this.end(stream, blocks.trailers);
    return true;
  }

  /** Sends up to `maxBytes` of the stream's queue; true when the queue is empty. */
  #pump(stream: H2Stream, maxBytes: number): boolean {
    const { queue } = stream;
    if (queue === undefined) return true;
    const { output } = this;
    let left = maxBytes;
    while (queue.sizeBytes > 0) {
      if (this.isFull) return false;
      const size = Math.min(
        left,
        queue.sizeBytes,
        this.#maxFrameBytes,
        this.#windowBytes,
        stream.sendWindowBytes,
      );
      if (size <= 0) return false;
      left -= size;
      this.#windowBytes -= size;
      stream.sendWindowBytes -= size;
      const at = output.reserve(frameHeaderBytes);
      writeFrameHeader(output.buffer, at, size, dataFrame);
      writeUint32(output.buffer, at + 5, stream.id);
      queue.take(size, output);
      stream.release(size);
      queue.progressAt = this.#host.now;
      this.#guard.noteData();
    }
    return true;
  }

  #wait(stream: H2Stream): void {
    if (stream.isWaiting) return;
    stream.isWaiting = true;
    this.#waiting.push(stream);
  }

  #clearQueue(stream: H2Stream): void {
    stream.queue = undefined;
    this.forget(stream);
  }

  #completeQueue(stream: H2Stream): void {
    this.#clearQueue(stream);
    const trailers = stream.queuedTrailers;
    if (trailers === undefined) {
      stream.sink.onDrained();
    } else {
      this.#putEnd(stream.id, trailers);
      this.#finish(stream);
    }
  }

  #putEnd(streamId: number, block: Uint8Array): void {
    if (block.length > 0) {
      this.#putHeaders(streamId, block, flag.endStream);
      return;
    }
    putFrame(this.output, { type: frameType.data, flags: flag.endStream, streamId, payload: block });
    this.#host.wantFlush();
  }

  #putHeaders(streamId: number, block: Uint8Array, flags: number): void {
    let bytes = block;
    if (this.#mustEmptyTable) {
      this.#mustEmptyTable = false;
      this.#knowsEmptyTable = true;
      bytes = Buffer.concat([emptyTableUpdate, block]);
    }
    const { output } = this;
    if (bytes.length <= this.#maxFrameBytes) {
      const at = output.reserve(frameHeaderBytes);
      putFrameHeader(output.buffer, at, {
        sizeBytes: bytes.length,
        type: frameType.headers,
        flags: flags | flag.endHeaders,
        streamId,
      });
      output.put(bytes);
    } else {
      putHeaders(output, {
        streamId,
        block: bytes,
        endStream: flags !== 0,
        maxFrameBytes: this.#maxFrameBytes,
      });
    }
    this.#host.wantFlush();
  }

  #finish(stream: H2Stream): void {
    stream.localClosed = true;
    this.#host.onStreamSent(stream);
  }
}
