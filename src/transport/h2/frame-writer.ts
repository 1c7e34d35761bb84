import { copyInto, writeUint32 } from './bytes.ts';
import type { Output } from './output.ts';
import { flag, frameHeaderBytes, frameType } from './protocol.ts';

/** Writes the nine bytes that begin a frame. */
export function putFrameHeader(
  buffer: Uint8Array,
  at: number,
  frame: { sizeBytes: number; type: number; flags: number; streamId: number },
): void {
  writeFrameHeader(buffer, at, frame.sizeBytes, (frame.type << 8) | frame.flags);
  writeUint32(buffer, at + 5, frame.streamId);
}

/** The first five bytes; `typeAndFlags` holds the type in its upper byte. */
export function writeFrameHeader(
  buffer: Uint8Array,
  at: number,
  sizeBytes: number,
  typeAndFlags: number,
): void {
  buffer[at] = sizeBytes >>> 16;
  buffer[at + 1] = sizeBytes >>> 8;
  buffer[at + 2] = sizeBytes;
  buffer[at + 3] = typeAndFlags >>> 8;
  buffer[at + 4] = typeAndFlags;
}

/** Appends a whole frame with a small payload. */
export function putFrame(
  output: Output,
  frame: { type: number; flags: number; streamId: number; payload: Uint8Array },
): void {
  const { type, flags, streamId, payload } = frame;
  const at = output.reserve(frameHeaderBytes + payload.length);
  putFrameHeader(output.buffer, at, { sizeBytes: payload.length, type, flags, streamId });
  copyInto(output.buffer, at + frameHeaderBytes, payload);
}

/** RST_STREAM and WINDOW_UPDATE: a frame whose payload is one 32-bit number. */
export function putNumberFrame(output: Output, type: number, streamId: number, value: number): void {
  const at = output.reserve(frameHeaderBytes + 4);
  putFrameHeader(output.buffer, at, { sizeBytes: 4, type, flags: 0, streamId });
  writeUint32(output.buffer, at + frameHeaderBytes, value);
}

/** Appends a header block as HEADERS and as many CONTINUATION frames as the peer's frame size asks for. */
export function putHeaders(
  output: Output,
  headers: { streamId: number; block: Uint8Array; endStream: boolean; maxFrameBytes: number },
): void {
  const { streamId, block, maxFrameBytes } = headers;
  let type: number = frameType.headers;
  let flags = headers.endStream ? flag.endStream : 0;
  for (let start = 0; ; start += maxFrameBytes) {
    const payload =
      block.length - start <= maxFrameBytes
        ? block.subarray(start)
        : block.subarray(start, start + maxFrameBytes);
    const isLast = start + payload.length === block.length;
    const at = output.reserve(frameHeaderBytes);
    if (isLast) flags |= flag.endHeaders;
    putFrameHeader(output.buffer, at, { sizeBytes: payload.length, type, flags, streamId });
    output.put(payload);
    if (isLast) return;
    type = frameType.continuation;
    flags = 0;
  }
}
