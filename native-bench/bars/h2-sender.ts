import { connect, type Socket } from 'node:net';
import { readUint24, readUint31, readUint32, writeUint32 } from '../../src/transport/h2/bytes.ts';
import { HpackDecoder } from '../../src/transport/h2/hpack-decoder.ts';
import { encodeHeaderBlock } from '../../src/transport/h2/hpack-encode.ts';
import {
  clientPreface,
  defaultWindowBytes,
  errorCode,
  flag,
  frameHeaderBytes,
  frameType,
  defaultMaxFrameBytes,
  largestWindowBytes,
  setting,
} from '../../src/transport/h2/protocol.ts';
import { putFrameHeader } from '../../src/transport/h2/frame-writer.ts';

/** Told what a request ended with: its grpc-status, or '-1' when the server reset it. */
export type OnEnd = (token: number, status: string) => void;

interface Waiting {
  readonly request: Buffer;
  readonly token: number;
}

const topUpBytes = 1 << 28;

/**
 * The sending side of gRPC over HTTP/2, made for one thing: to cost little. Requests are frames made beforehand in which
 * only the stream's number changes; of answers only grpc-status is read.
 */
export class H2Sender {
  readonly #socket: Socket;
  readonly #onEnd: OnEnd;
  readonly #hpack = new HpackDecoder(1 << 16);
  /** grpc-status by the bytes of a block, which the same server repeats. */
  readonly #statuses = new Map<string, string>();
  readonly #tokens = new Map<number, number>();
  readonly #waiting: Waiting[] = [];
  #nextStream = 1;
  #windowBytes = defaultWindowBytes;
  #receivedBytes = 0;
  #rest: Buffer = Buffer.alloc(0);
  #corked = false;

  private constructor(socket: Socket, onEnd: OnEnd) {
    this.#socket = socket;
    this.#onEnd = onEnd;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.write(opening());
  }

  static async open(port: number, onEnd: OnEnd): Promise<H2Sender> {
    const socket = connect(port, '127.0.0.1');
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return new H2Sender(socket, onEnd);
  }

  /** Sends a request of {@link requestFrames}; what the connection's window does not allow yet waits here. @returns its stream. */
  send(request: Buffer, token: number): number {
    if (this.#waiting.length > 0 || this.#windowBytes < request.length) {
      this.#waiting.push({ request, token });
      return 0;
    }
    return this.#write(request, token);
  }

  /** Resets a request: its caller has gone. */
  cancel(stream: number): void {
    if (!this.#tokens.delete(stream)) return;
    this.#put(numberFrame(frameType.rstStream, stream, errorCode.cancel));
  }

  close(): void {
    this.#socket.destroy();
  }

  #write(request: Buffer, token: number): number {
    const stream = this.#nextStream;
    this.#nextStream += 2;
    const frames = Buffer.from(request);
    const dataAt = frameHeaderBytes + readUint24(frames, 0);
    writeUint32(frames, 5, stream);
    writeUint32(frames, dataAt + 5, stream);
    this.#windowBytes -= readUint24(frames, dataAt);
    this.#tokens.set(stream, token);
    this.#put(frames);
    return stream;
  }

  /** What is written within one turn of the event loop leaves together. */
  #put(bytes: Buffer): void {
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      process.nextTick(() => {
        this.#corked = false;
        this.#socket.uncork();
      });
    }
    this.#socket.write(bytes);
  }

  #read(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (bytes.length - at >= frameHeaderBytes) {
      const end = at + frameHeaderBytes + readUint24(bytes, at);
      if (end > bytes.length) break;
      this.#frame(bytes, at, end);
      at = end;
    }
    this.#rest = bytes.subarray(at);
    this.#receivedBytes += at;
    if (this.#receivedBytes > topUpBytes) {
      this.#put(numberFrame(frameType.windowUpdate, 0, this.#receivedBytes));
      this.#receivedBytes = 0;
    }
  }

  #frame(bytes: Buffer, at: number, end: number): void {
    const type = bytes[at + 3];
    const flags = bytes[at + 4] ?? 0;
    const stream = readUint31(bytes, at + 5);
    const start = at + frameHeaderBytes;
    if (type === frameType.headers) {
      if ((flags & flag.endHeaders) === 0) throw new Error('the server sent a header block in parts');
      const status = this.#statusOf(bytes, start, end);
      if ((flags & flag.endStream) !== 0) this.#ended(stream, status);
    } else if (type === frameType.rstStream) this.#ended(stream, '-1');
    else if (type === frameType.windowUpdate && stream === 0) {
      this.#windowBytes += readUint31(bytes, start);
      this.#sendWaiting();
    } else if (type === frameType.settings && (flags & flag.ack) === 0) {
      this.#put(emptyFrame(frameType.settings, flag.ack));
    } else if (type === frameType.ping && (flags & flag.ack) === 0) {
      const head = emptyFrame(frameType.ping, flag.ack);
      head[2] = 8;
      this.#put(Buffer.concat([head, bytes.subarray(start, end)]));
    } else if (type === frameType.goAway) {
      throw new Error(`the server closed the connection: ${readUint32(bytes, start + 4)}`);
    }
  }

  #sendWaiting(): void {
    for (;;) {
      const [next] = this.#waiting;
      if (next === undefined || this.#windowBytes < next.request.length) return;
      this.#waiting.shift();
      this.#write(next.request, next.token);
    }
  }

  #ended(stream: number, status: string): void {
    const token = this.#tokens.get(stream);
    if (token === undefined) return;
    this.#tokens.delete(stream);
    this.#onEnd(token, status);
  }

  #statusOf(bytes: Buffer, start: number, end: number): string {
    const key = bytes.toString('latin1', start, end);
    const known = this.#statuses.get(key);
    if (known !== undefined) return known;
    const { fields } = this.#hpack.decode(bytes, start, end);
    const status = fields.find(({ name }) => name === 'grpc-status')?.value ?? '';
    // Blocks with texts of their own must not fill the memory; our table has no room, so a block always means the same.
    if (this.#statuses.size < 1000) this.#statuses.set(key, status);
    return status;
  }
}

function emptyFrame(type: number, flags: number): Buffer {
  const frame = Buffer.alloc(frameHeaderBytes);
  putFrameHeader(frame, 0, { sizeBytes: 0, type, flags, streamId: 0 });
  return frame;
}

function numberFrame(type: number, streamId: number, value: number): Buffer {
  const frame = Buffer.alloc(frameHeaderBytes + 4);
  putFrameHeader(frame, 0, { sizeBytes: 4, type, flags: 0, streamId });
  writeUint32(frame, frameHeaderBytes, value);
  return frame;
}

/** No table for the server's header blocks, and windows that never hold an answer back. */
function opening(): Buffer {
  const settings = Buffer.alloc(frameHeaderBytes + 18);
  putFrameHeader(settings, 0, { sizeBytes: 18, type: frameType.settings, flags: 0, streamId: 0 });
  for (const [index, [name, value]] of (
    [
      [setting.headerTableSize, 0],
      [setting.enablePush, 0],
      [setting.initialWindowSize, largestWindowBytes],
    ] as const
  ).entries()) {
    const at = frameHeaderBytes + index * 6;
    settings.writeUInt16BE(name, at);
    settings.writeUInt32BE(value, at + 2);
  }
  const more = numberFrame(frameType.windowUpdate, 0, largestWindowBytes - defaultWindowBytes);
  return Buffer.concat([clientPreface, settings, more]);
}

/** The frames of a ModelInfer call: HEADERS and one DATA. @param body the framed message. */
export function requestFrames(path: string, body: Buffer, timeoutMs: number | undefined): Buffer {
  if (body.length > defaultMaxFrameBytes) throw new Error('the request needs more than one frame');
  const fields: [string, string][] = [
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', path],
    [':authority', '127.0.0.1'],
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
  ];
  if (timeoutMs !== undefined) fields.push(['grpc-timeout', `${Math.round(timeoutMs * 1000)}u`]);
  const block = encodeHeaderBlock(fields);
  const frames = Buffer.alloc(2 * frameHeaderBytes + block.length + body.length);
  const head = { sizeBytes: block.length, type: frameType.headers, flags: flag.endHeaders, streamId: 0 };
  putFrameHeader(frames, 0, head);
  block.copy(frames, frameHeaderBytes);
  const dataAt = frameHeaderBytes + block.length;
  const data = { sizeBytes: body.length, type: frameType.data, flags: flag.endStream, streamId: 0 };
  putFrameHeader(frames, dataAt, data);
  body.copy(frames, dataAt + frameHeaderBytes);
  return frames;
}
