import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** Of one read. With less, tensors of hundreds of kilobytes take more system calls; with more, the processor's cache suffers. */
const readBytes = 65_536;

/** Where a socket keeps the buffer that it reads into. */
interface BufferKeys {
  readonly buffer: symbol;
  readonly onRead: symbol;
}

let keys: BufferKeys | undefined;
let shared: Buffer | undefined;

/**
 * Has `take` called with what the socket receives. The bytes are valid during the call only: the sockets of a thread read
 * into one buffer, which stays in the processor's cache, where Node would make and free one of 64 kB for every read.
 *
 * Node offers this, as `onread`, to sockets that it creates by the constructor, not to those that a server accepts; for
 * them the same fields are set here. Where Node has no such fields, 'data' events bring the bytes.
 */
export function onReceived(socket: Duplex, take: (bytes: Buffer) => void): void {
  if (!readShared(socket, take)) socket.on('data', take);
}

function readShared(socket: Duplex, take: (bytes: Buffer) => void): boolean {
  keys ??= findKeys();
  const handle: unknown = Reflect.get(socket, '_handle');
  if (keys === undefined || !canReadInto(handle)) return false;
  shared ??= Buffer.allocUnsafeSlow(readBytes);
  const buffer = shared;
  Reflect.set(socket, keys.buffer, buffer);
  Reflect.set(socket, keys.onRead, (sizeBytes: number): void => take(buffer.subarray(0, sizeBytes)));
  handle.useUserBuffer(buffer);
  socket.resume();
  return true;
}

/** The names by which Node's sockets know their buffer; undefined where it has others. */
function findKeys(): BufferKeys | undefined {
  const buffer = Buffer.alloc(0);
  const callback = (): boolean => true;
  const probe = new Socket({ onread: { buffer, callback } });
  const symbols = Object.getOwnPropertySymbols(probe);
  probe.destroy();
  const bufferKey = symbols.find((symbol) => Reflect.get(probe, symbol) === buffer);
  const onReadKey = symbols.find((symbol) => Reflect.get(probe, symbol) === callback);
  if (bufferKey === undefined || onReadKey === undefined) return undefined;
  return { buffer: bufferKey, onRead: onReadKey };
}

interface BufferedHandle {
  useUserBuffer(buffer: Buffer): void;
}

function canReadInto(handle: unknown): handle is BufferedHandle {
  return typeof handle === 'object' && handle !== null && 'useUserBuffer' in handle;
}
