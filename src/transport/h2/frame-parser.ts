import { byteAt, readUint24, readUint31 } from './bytes.ts';
import { ConnectionError } from './connection-error.ts';
import { clientPreface, errorCode, flag, frameHeaderBytes, frameType } from './protocol.ts';

/** Receives frames in the order of the wire. Any method may throw a ConnectionError, which ends the parsing. */
export interface FrameReceiver {
  /** A DATA frame begins. `frameBytes` counts its padding too, as flow control does. */
  onDataStart(streamId: number, frameBytes: number, endStream: boolean): void;
  /** `chunk[start, end)` are bytes of the current DATA frame, never empty, valid only during the call. */
  onDataBytes(chunk: Buffer, start: number, end: number): void;
  onDataEnd(endStream: boolean): void;
  /** Any other frame, complete. `bytes[start, end)` is its payload, valid only during the call. */
  onFrame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void;
}

const initialPartialBytes = 256;

/**
 * Cuts the bytes of a connection into frames. DATA passes through as it arrives, without a copy; other frames are
 * handed on complete, copied only where they span chunks, into a buffer that grows with what has arrived.
 */
export class FrameParser {
  readonly #receiver: FrameReceiver;
  readonly #maxFrameBytes: number;
  #prefaceBytes = 0;
  #partial = Buffer.allocUnsafe(initialPartialBytes);
  #partialBytes = 0;
  #inData = false;
  #dataRemaining = 0;
  #padRemaining = 0;
  #needsPadLength = false;
  #endStream = false;
  #stopped = false;

  constructor(receiver: FrameReceiver, maxFrameBytes: number) {
    this.#receiver = receiver;
    this.#maxFrameBytes = maxFrameBytes;
  }

  /** True between frames: nothing is known to be missing. */
  get isAtBoundary(): boolean {
    return this.#partialBytes === 0 && !this.#inData && this.#prefaceBytes === clientPreface.length;
  }

  /** Nothing is read any more, not even what is left of the chunk being parsed. */
  stop(): void {
    this.#stopped = true;
  }

  /** @throws ConnectionError from the frames' syntax or from the receiver. */
  parse(chunk: Buffer): void {
    let at = this.#prefaceBytes < clientPreface.length ? this.#matchPreface(chunk) : 0;
    if (this.#partialBytes > 0) at = this.#finishPartial(chunk, at);
    if (this.#inData) at = this.#continueData(chunk, at);
    const length = chunk.length;
    while (length - at >= frameHeaderBytes && !this.#stopped) {
      const size = readUint24(chunk, at);
      const type = byteAt(chunk, at + 3);
      const flags = byteAt(chunk, at + 4);
      const streamId = readUint31(chunk, at + 5);
      if (size > this.#maxFrameBytes) throw frameTooLarge();
      const start = at + frameHeaderBytes;
      if (type === frameType.data) {
        this.#beginData(streamId, flags, size);
        at = this.#continueData(chunk, start);
      } else if (length - start < size) {
        break;
      } else {
        at = start + size;
        this.#receiver.onFrame(type, flags, streamId, chunk, start, at);
      }
    }
    if (at < length && !this.#stopped) this.#keep(chunk, at, length);
  }

  #matchPreface(chunk: Buffer): number {
    const count = Math.min(clientPreface.length - this.#prefaceBytes, chunk.length);
    const from = this.#prefaceBytes;
    if (clientPreface.compare(chunk, 0, count, from, from + count) !== 0) {
      throw new ConnectionError(errorCode.protocolError, 'not an HTTP/2 connection preface');
    }
    this.#prefaceBytes += count;
    return count;
  }

  #keep(chunk: Buffer, start: number, end: number): void {
    const needed = this.#partialBytes + end - start;
    if (needed > this.#partial.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, this.#partial.length * 2));
      this.#partial.copy(grown, 0, 0, this.#partialBytes);
      this.#partial = grown;
    }
    chunk.copy(this.#partial, this.#partialBytes, start, end);
    this.#partialBytes = needed;
  }

  /** Adds to a frame whose first bytes came with an earlier chunk. Returns how far the chunk is used up. */
  #finishPartial(chunk: Buffer, from: number): number {
    let at = from;
    if (this.#partialBytes < frameHeaderBytes) {
      const end = Math.min(chunk.length, at + frameHeaderBytes - this.#partialBytes);
      this.#keep(chunk, at, end);
      at = end;
      if (this.#partialBytes < frameHeaderBytes) return at;
    }
    const header = this.#partial;
    const size = readUint24(header, 0);
    const type = byteAt(header, 3);
    const flags = byteAt(header, 4);
    const streamId = readUint31(header, 5);
    if (size > this.#maxFrameBytes) throw frameTooLarge();
    if (type === frameType.data) {
      this.#partialBytes = 0;
      this.#beginData(streamId, flags, size);
      return at;
    }
    const end = Math.min(chunk.length, at + frameHeaderBytes + size - this.#partialBytes);
    this.#keep(chunk, at, end);
    if (this.#partialBytes === frameHeaderBytes + size) {
      this.#partialBytes = 0;
      const payload = this.#partial;
      if (payload.length > 4096) this.#partial = Buffer.allocUnsafe(initialPartialBytes);
      this.#receiver.onFrame(type, flags, streamId, payload, frameHeaderBytes, frameHeaderBytes + size);
    }
    return end;
  }

  #beginData(streamId: number, flags: number, size: number): void {
    const padded = (flags & flag.padded) !== 0;
    if (padded && size === 0) {
      throw new ConnectionError(errorCode.frameSizeError, 'padded DATA without a pad length');
    }
    this.#inData = true;
    this.#needsPadLength = padded;
    this.#dataRemaining = size;
    this.#padRemaining = 0;
    this.#endStream = (flags & flag.endStream) !== 0;
    this.#receiver.onDataStart(streamId, size, this.#endStream);
  }

  #continueData(chunk: Buffer, from: number): number {
    let at = from;
    if (this.#needsPadLength) {
      if (at >= chunk.length) return at;
      this.#readPadLength(byteAt(chunk, at++));
    }
    if (this.#dataRemaining > 0) {
      const end = Math.min(chunk.length, at + this.#dataRemaining);
      if (end === at) return at;
      this.#dataRemaining -= end - at;
      this.#receiver.onDataBytes(chunk, at, end);
      at = end;
      if (this.#dataRemaining > 0) return at;
    }
    if (this.#padRemaining > 0) {
      const skipped = Math.min(chunk.length - at, this.#padRemaining);
      this.#padRemaining -= skipped;
      at += skipped;
      if (this.#padRemaining > 0) return at;
    }
    this.#inData = false;
    this.#receiver.onDataEnd(this.#endStream);
    return at;
  }

  #readPadLength(padBytes: number): void {
    if (padBytes >= this.#dataRemaining) {
      throw new ConnectionError(errorCode.protocolError, 'padding as long as the DATA frame');
    }
    this.#needsPadLength = false;
    this.#dataRemaining -= 1 + padBytes;
    this.#padRemaining = padBytes;
  }
}

function frameTooLarge(): ConnectionError {
  return new ConnectionError(errorCode.frameSizeError, 'frame larger than SETTINGS_MAX_FRAME_SIZE');
}
