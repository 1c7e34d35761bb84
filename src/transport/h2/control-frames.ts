import { ConnectionError } from './connection-error.ts';
import type { FloodGuard } from './flood-guard.ts';
import { putFrame } from './frame-writer.ts';
import { errorCode, flag, frameType, largestWindowBytes } from './protocol.ts';
import type { Sender } from './sender.ts';
import { readSettings, type SettingsReceiver } from './settings.ts';
import type { StreamTable } from './stream-table.ts';

/** What these frames need of their connection. */
export interface ControlHost {
  readonly now: number;
  readonly sender: Sender;
  readonly guard: FloodGuard;
  readonly streams: StreamTable;
  onSettingsAck(): void;
  onPingAck(payload: Buffer): void;
  onPeerGoAway(): void;
}

/** The rules of RFC 9113 for frames that concern the whole connection: SETTINGS, PING and GOAWAY. */
export class ControlFrames implements SettingsReceiver {
  readonly #host: ControlHost;

  constructor(host: ControlHost) {
    this.#host = host;
  }

  onSettings(
    streamId: number,
    flags: number,
    bytes: Buffer,
    { start, end }: { start: number; end: number },
  ): void {
    const host = this.#host;
    if (streamId !== 0) throw new ConnectionError(errorCode.protocolError, 'SETTINGS on a stream');
    if ((flags & flag.ack) !== 0) {
      if (end !== start)
        throw new ConnectionError(errorCode.frameSizeError, 'SETTINGS acknowledgement with payload');
      host.guard.spend('settings', host.now);
      host.onSettingsAck();
      return;
    }
    host.guard.spend('settings', host.now);
    readSettings(bytes, start, end, this);
    putFrame(host.sender.output, {
      type: frameType.settings,
      flags: flag.ack,
      streamId: 0,
      payload: Buffer.alloc(0),
    });
    host.sender.pumpAll();
  }

  onPing(streamId: number, flags: number, payload: Buffer): void {
    const host = this.#host;
    if (streamId !== 0) throw new ConnectionError(errorCode.protocolError, 'PING on a stream');
    if (payload.length !== 8) throw new ConnectionError(errorCode.frameSizeError, 'PING of wrong length');
    host.guard.spend('pings', host.now);
    if ((flags & flag.ack) !== 0) host.onPingAck(payload);
    else putFrame(host.sender.output, { type: frameType.ping, flags: flag.ack, streamId: 0, payload });
  }

  onGoAway(streamId: number, sizeBytes: number): void {
    if (streamId !== 0) throw new ConnectionError(errorCode.protocolError, 'GOAWAY on a stream');
    if (sizeBytes < 8) throw new ConnectionError(errorCode.frameSizeError, 'GOAWAY of wrong length');
    this.#host.onPeerGoAway();
  }

  onInitialWindow(sizeBytes: number): void {
    const { sender, streams } = this.#host;
    const difference = sizeBytes - sender.initialWindowBytes;
    sender.initialWindowBytes = sizeBytes;
    for (const stream of streams.all()) {
      stream.sendWindowBytes += difference;
      if (stream.sendWindowBytes > largestWindowBytes) {
        throw new ConnectionError(errorCode.flowControlError, 'stream window above 2^31-1');
      }
    }
  }

  onMaxFrame(sizeBytes: number): void {
    this.#host.sender.setMaxFrameBytes(sizeBytes);
  }

  onHeaderTable(sizeBytes: number): void {
    this.#host.sender.setPeerTableBytes(sizeBytes);
  }
}
