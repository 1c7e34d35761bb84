import { encodeHeaderBlock } from '../../src/transport/h2/hpack-encode.ts';

/** One frame of HTTP/2 as it stood on the wire. */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

export function frame(
  type: number,
  flags: number,
  streamId: number,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}

/** A 32-bit number as the payload of RST_STREAM, WINDOW_UPDATE or one SETTINGS entry's value. */
export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function settings(entries: Readonly<Record<number, number>> = {}): Buffer {
  const payload = Object.entries(entries).map(([id, value]) =>
    Buffer.concat([Buffer.from([0, Number(id)]), uint32(value)]),
  );
  return frame(4, 0, 0, Buffer.concat(payload));
}

/** What a client sends first. */
export const opening = Buffer.concat([preface, settings()]);

export function requestBlock(path = '/', more: readonly (readonly [string, string])[] = []): Buffer {
  return encodeHeaderBlock([
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', path],
    [':authority', 'localhost'],
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
    ...more,
  ]);
}

/** HEADERS of a request in one frame. Flags: 4 ends the block, 1 the stream. */
export function request(streamId: number, flags = 4, path = '/'): Buffer {
  return frame(1, flags, streamId, requestBlock(path));
}

/** A gRPC message with its prefix. */
export function message(body: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([0]), uint32(body.length), body]);
}

/** Cuts bytes into frames; what is left of an incomplete last one is dropped. */
export function parseFrames(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at + 9 <= bytes.length;) {
    const size = bytes.readUIntBE(at, 3);
    const payload = bytes.subarray(at + 9, at + 9 + size);
    if (payload.length < size) break;
    frames.push({
      type: bytes[at + 3] ?? 0,
      flags: bytes[at + 4] ?? 0,
      streamId: bytes.readUInt32BE(at + 5),
      payload,
    });
    at += 9 + size;
  }
  return frames;
}
