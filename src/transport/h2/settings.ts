import { readUint16, readUint32, writeUint32 } from './bytes.ts';
import { ConnectionError } from './connection-error.ts';
import type { H2Limits } from './limits.ts';
import {
  errorCode,
  largestMaxFrameBytes,
  largestWindowBytes,
  defaultMaxFrameBytes,
  setting,
} from './protocol.ts';

const entryBytes = 6;

/** The payload of our SETTINGS frame. The table size is not among them: ours is the default. */
export function encodeSettings(limits: H2Limits): Buffer {
  const entries: readonly (readonly [id: number, value: number])[] = [
    [setting.maxConcurrentStreams, limits.maxConcurrentStreams],
    [setting.initialWindowSize, limits.streamWindowBytes],
    [setting.maxFrameSize, limits.maxFrameBytes],
    [setting.maxHeaderListSize, limits.maxHeaderListBytes],
  ];
  const payload = Buffer.alloc(entries.length * entryBytes);
  for (const [index, [id, value]] of entries.entries()) {
    payload.writeUInt16BE(id, index * entryBytes);
    writeUint32(payload, index * entryBytes + 2, value);
  }
  return payload;
}

/** Takes the peer's settings that concern a server. */
export interface SettingsReceiver {
  onInitialWindow(sizeBytes: number): void;
  onMaxFrame(sizeBytes: number): void;
  onHeaderTable(sizeBytes: number): void;
}

/**
 * Applies the entries in order (RFC 9113, section 6.5.3); unknown ones are ignored.
 *
 * @throws ConnectionError on a value that section 6.5.2 forbids.
 */
export function readSettings(bytes: Buffer, start: number, end: number, receiver: SettingsReceiver): void {
  if ((end - start) % entryBytes !== 0) {
    throw new ConnectionError(errorCode.frameSizeError, 'SETTINGS of odd length');
  }
  for (let at = start; at < end; at += entryBytes) {
    const value = readUint32(bytes, at + 2);
    switch (readUint16(bytes, at)) {
      case setting.headerTableSize:
        receiver.onHeaderTable(value);
        break;
      case setting.enablePush:
        if (value > 1) throw new ConnectionError(errorCode.protocolError, 'SETTINGS_ENABLE_PUSH above 1');
        break;
      case setting.initialWindowSize:
        if (value > largestWindowBytes) {
          throw new ConnectionError(errorCode.flowControlError, 'SETTINGS_INITIAL_WINDOW_SIZE too large');
        }
        receiver.onInitialWindow(value);
        break;
      case setting.maxFrameSize:
        if (value < defaultMaxFrameBytes || value > largestMaxFrameBytes) {
          throw new ConnectionError(errorCode.protocolError, 'SETTINGS_MAX_FRAME_SIZE out of range');
        }
        receiver.onMaxFrame(value);
        break;
      default:
        break;
    }
  }
}
