import { byteAt, readUint31 } from './bytes.ts';
import { ConnectionError } from './connection-error.ts';
import { ControlFrames, type ControlHost } from './control-frames.ts';
import type { H2Counters } from './counters.ts';
import type { FrameReceiver } from './frame-parser.ts';
import { HeaderBlocks, HeaderFragments } from './header-blocks.ts';
import type { H2Limits } from './limits.ts';
import { defaultWindowBytes, errorCode, flag, frameType } from './protocol.ts';
import type { RequestHead } from './request-head.ts';
import { H2Stream, type StreamHost, type StreamSink } from './stream.ts';

/** The application above the connection. */
export interface StreamAcceptor<R> {
  /** What a request's header section means; kept with equal sections, so it must depend on nothing else. */
  readRequest(head: RequestHead): R;
  /** A request arrived. The stream is not yet announced to the returned sink. */
  open(stream: H2Stream, request: R): StreamSink;
}

/** What the receiver needs of its connection. */
export interface ReceiverHost extends StreamHost, ControlHost {
  readonly limits: H2Limits;
  readonly counters: H2Counters;
  /** New streams are refused, after a final GOAWAY. */
  readonly refusesStreams: boolean;
  /** A stream left the table. */
  onStreamGone(): void;
}

/** The receiving side of a connection: the rules of RFC 9113 for every frame a client may send, those of streams here. */
export class Receiver<R> implements FrameReceiver {
  readonly #host: ReceiverHost;
  readonly #acceptor: StreamAcceptor<R>;
  readonly #headerBlocks: HeaderBlocks<R>;
  readonly #control: ControlFrames;
  #windowBytes = defaultWindowBytes;
  #creditBytes = 0;
  #sawSettings = false;
  #fragments: HeaderFragments | undefined = undefined;
  #dataStream: H2Stream | undefined = undefined;
  #dataFrameBytes = 0;
  #dataPayloadBytes = 0;

  constructor(host: ReceiverHost, acceptor: StreamAcceptor<R>) {
    this.#host = host;
    this.#acceptor = acceptor;
    this.#control = new ControlFrames(host);
    this.#headerBlocks = new HeaderBlocks(host.limits, host.counters, (head) => acceptor.readRequest(head));
  }

  /** A header block has begun and not ended. */
  get isInHeaderBlock(): boolean {
    return this.#fragments !== undefined;
  }

  /** Opens the connection's receive window beyond the protocol's default. */
  openWindow(): void {
    const more = this.#host.limits.connectionWindowBytes - defaultWindowBytes;
    if (more <= 0) return;
    this.#windowBytes += more;
    this.#host.sender.windowUpdate(0, more);
  }

  onDataStart(streamId: number, frameBytes: number, endStream: boolean): void {
    if (!this.#sawSettings || this.#fragments !== undefined) this.#checkOrder(frameType.data, 0, streamId);
    if (streamId === 0) throw new ConnectionError(errorCode.protocolError, 'DATA on stream 0');
    this.#countWindow(frameBytes);
    this.#dataFrameBytes = frameBytes;
    this.#dataPayloadBytes = 0;
    const host = this.#host;
    const stream = host.streams.get(streamId);
    this.#dataStream = undefined;
    if (stream === undefined) {
      this.#onStrayFrame(streamId);
    } else if (stream.remoteClosed) {
      this.#violate(stream, errorCode.streamClosed);
    } else {
      stream.receiveWindowBytes -= frameBytes;
      if (stream.receiveWindowBytes < 0) this.#violate(stream, errorCode.flowControlError);
      else this.#dataStream = stream;
    }
    if (frameBytes === 0 && !endStream) host.guard.spend('emptyData', host.now);
  }

  onDataBytes(chunk: Buffer, start: number, end: number): void {
    const size = end - start;
    this.#dataPayloadBytes += size;
    const stream = this.#dataStream;
    if (stream === undefined || stream.isOver) return;
    stream.receivedBytes += size;
    stream.awaitedBytes += size;
    stream.sink.onData(chunk, start, end);
  }

  onDataEnd(endStream: boolean): void {
    const stream = this.#dataStream;
    this.#dataStream = undefined;
    const padding = this.#dataFrameBytes - this.#dataPayloadBytes;
    if (padding > 0) {
      if (this.#dataPayloadBytes === 0 && !endStream) this.#host.guard.spend('emptyData', this.#host.now);
      stream?.credit(padding);
    }
    if (endStream && stream !== undefined && !stream.isOver) this.#endRemote(stream);
  }

  onFrame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (!this.#sawSettings || this.#fragments !== undefined) this.#checkOrder(type, flags, streamId);
    switch (type) {
      case frameType.headers:
        this.#onHeaders(streamId, flags, bytes, { start, end });
        break;
      case frameType.continuation:
        this.#onContinuation(flags, bytes, start, end);
        break;
      case frameType.windowUpdate:
        this.#onWindowUpdate(streamId, bytes, start, end);
        break;
      case frameType.rstStream:
        this.#onRstStream(streamId, end - start);
        break;
      case frameType.settings:
        this.#control.onSettings(streamId, flags, bytes, { start, end });
        break;
      case frameType.ping:
        this.#control.onPing(streamId, flags, bytes.subarray(start, end));
        break;
      case frameType.priority:
        this.#onPriority(streamId, bytes, start, end);
        break;
      case frameType.goAway:
        this.#control.onGoAway(streamId, end - start);
        break;
      case frameType.pushPromise:
        throw new ConnectionError(errorCode.protocolError, 'PUSH_PROMISE from a client');
      default:
        this.#host.guard.spend('unknownFrames', this.#host.now);
    }
  }

  /** SETTINGS come first, and nothing comes between the frames of a header block. */
  #checkOrder(type: number, flags: number, streamId: number): void {
    if (!this.#sawSettings) {
      if (type !== frameType.settings || (flags & flag.ack) !== 0) {
        throw new ConnectionError(errorCode.protocolError, 'the first frame is not SETTINGS');
      }
      this.#sawSettings = true;
    }
    if (
      this.#fragments !== undefined &&
      (type !== frameType.continuation || streamId !== this.#fragments.streamId)
    ) {
      throw new ConnectionError(errorCode.protocolError, 'header block interrupted');
    }
  }

  /** The connection's window is given back at once: streams' windows and the byte budget bound what is kept. */
  #countWindow(frameBytes: number): void {
    this.#windowBytes -= frameBytes;
    if (this.#windowBytes < 0) {
      throw new ConnectionError(errorCode.flowControlError, 'connection window exceeded');
    }
    this.#creditBytes += frameBytes;
    if (this.#creditBytes < this.#host.limits.connectionWindowBytes / 2) return;
    this.#windowBytes += this.#creditBytes;
    this.#host.sender.windowUpdate(0, this.#creditBytes);
    this.#creditBytes = 0;
  }

  #endRemote(stream: H2Stream): void {
    stream.remoteClosed = true;
    stream.awaitingSince = Number.POSITIVE_INFINITY;
    if (stream.declaredBytes >= 0 && stream.declaredBytes !== stream.receivedBytes) {
      this.#violate(stream, errorCode.protocolError);
      return;
    }
    stream.sink.onEnd();
  }

  /** Ends a stream whose peer broke a rule; so many of that and the connection ends too. */
  #violate(stream: H2Stream, code: number): void {
    const { sink } = stream;
    stream.reset(code);
    sink.onAborted();
    this.#host.guard.spend('provokedResets', this.#host.now);
  }

  #resetStray(streamId: number, code: number): void {
    this.#host.streams.rememberReset(streamId);
    this.#host.sender.resetId(streamId, code);
    this.#host.guard.spend('provokedResets', this.#host.now);
  }

  /** A frame for a stream that is not in the table. */
  #onStrayFrame(streamId: number): void {
    const { streams } = this.#host;
    if (streamId > streams.lastId)
      throw new ConnectionError(errorCode.protocolError, 'frame on an idle stream');
    if (!streams.wasReset(streamId)) this.#resetStray(streamId, errorCode.streamClosed);
  }

  #onHeaders(streamId: number, flags: number, bytes: Buffer, range: { start: number; end: number }): void {
    if (streamId === 0) throw new ConnectionError(errorCode.protocolError, 'HEADERS on stream 0');
    let { start, end } = range;
    if ((flags & flag.padded) !== 0) {
      if (start === end)
        throw new ConnectionError(errorCode.frameSizeError, 'padded HEADERS without a pad length');
      const padBytes = byteAt(bytes, start++);
      if (padBytes > end - start)
        throw new ConnectionError(errorCode.protocolError, 'padding as long as the HEADERS frame');
      end -= padBytes;
    }
    let dependsOnItself = false;
    if ((flags & flag.priority) !== 0) {
      if (end - start < 5)
        throw new ConnectionError(errorCode.frameSizeError, 'HEADERS without its priority');
      dependsOnItself = readUint31(bytes, start) === streamId;
      start += 5;
    }
    const isWhole = (flags & flag.endHeaders) !== 0 && !dependsOnItself;
    if (isWhole && end - start <= this.#host.limits.maxHeaderBlockBytes) {
      this.#onHeaderBlock(streamId, flags, bytes, { start, end });
      return;
    }
    const fragments = new HeaderFragments(streamId, flags, this.#host.limits, this.#host.counters);
    fragments.add(bytes, start, end);
    if (dependsOnItself) {
      this.#headerBlocks.decodeTrailers(bytes, start, end);
      this.#host.streams.lastId = Math.max(streamId, this.#host.streams.lastId);
      this.#resetStray(streamId, errorCode.protocolError);
      return;
    }
    this.#fragments = fragments;
  }

  #onContinuation(flags: number, bytes: Buffer, start: number, end: number): void {
    const fragments = this.#fragments;
    if (fragments === undefined) {
      throw new ConnectionError(errorCode.protocolError, 'CONTINUATION without HEADERS');
    }
    fragments.add(bytes, start, end);
    if ((flags & flag.endHeaders) === 0) return;
    this.#fragments = undefined;
    const block = fragments.join();
    this.#onHeaderBlock(fragments.streamId, fragments.flags, block, { start: 0, end: block.length });
  }

  #onHeaderBlock(
    streamId: number,
    flags: number,
    bytes: Buffer,
    { start, end }: { start: number; end: number },
  ): void {
    const host = this.#host;
    const endStream = (flags & flag.endStream) !== 0;
    if (streamId <= host.streams.lastId) {
      this.#onTrailers(streamId, endStream, this.#headerBlocks.decodeTrailers(bytes, start, end));
      return;
    }
    if ((streamId & 1) === 0)
      throw new ConnectionError(errorCode.protocolError, 'even stream id from a client');
    const decoded = this.#headerBlocks.decodeRequest(bytes, start, end);
    host.streams.lastId = streamId;
    if (decoded === undefined) {
      this.#resetStray(streamId, errorCode.protocolError);
      return;
    }
    if (host.refusesStreams || host.streams.busy >= host.limits.maxConcurrentStreams) {
      if (!host.refusesStreams) host.counters.limitHits.concurrentStreams++;
      host.streams.rememberReset(streamId);
      host.sender.resetId(streamId, errorCode.refusedStream);
      return;
    }
    this.#open(
      new H2Stream(streamId, host, host.sender, decoded.head.contentLength ?? -1),
      decoded.request,
      endStream,
    );
  }

  #open(stream: H2Stream, request: R, endStream: boolean): void {
    const host = this.#host;
    host.counters.streamsOpened++;
    host.guard.noteOpened();
    host.streams.add(stream);
    stream.remoteClosed = endStream;
    const sink = this.#acceptor.open(stream, request);
    if (stream.isOver) return;
    stream.sink = sink;
    if (endStream) this.#endRemote(stream);
  }

  #onTrailers(streamId: number, endStream: boolean, isValid: boolean): void {
    const stream = this.#host.streams.get(streamId);
    if (stream === undefined) {
      if (this.#host.streams.wasReset(streamId)) return;
      throw new ConnectionError(errorCode.streamClosed, 'HEADERS on a closed stream');
    }
    if (stream.remoteClosed) this.#violate(stream, errorCode.streamClosed);
    else if (!endStream || !isValid) this.#violate(stream, errorCode.protocolError);
    else this.#endRemote(stream);
  }

  #onWindowUpdate(streamId: number, bytes: Buffer, start: number, end: number): void {
    const host = this.#host;
    if (end - start !== 4)
      throw new ConnectionError(errorCode.frameSizeError, 'WINDOW_UPDATE of wrong length');
    host.guard.spend('windowUpdates', host.now);
    const increment = readUint31(bytes, start);
    if (streamId === 0) {
      if (increment === 0) throw new ConnectionError(errorCode.protocolError, 'WINDOW_UPDATE of 0');
      if (!host.sender.growWindow(increment)) {
        throw new ConnectionError(errorCode.flowControlError, 'connection window above 2^31-1');
      }
      return;
    }
    const stream = host.streams.get(streamId);
    if (stream === undefined) {
      if (streamId > host.streams.lastId) {
        throw new ConnectionError(errorCode.protocolError, 'WINDOW_UPDATE on an idle stream');
      }
    } else if (increment === 0) {
      this.#violate(stream, errorCode.protocolError);
    } else if (!host.sender.growStreamWindow(stream, increment)) {
      this.#violate(stream, errorCode.flowControlError);
    }
  }

  #onRstStream(streamId: number, sizeBytes: number): void {
    const host = this.#host;
    if (streamId === 0) throw new ConnectionError(errorCode.protocolError, 'RST_STREAM on stream 0');
    if (sizeBytes !== 4) throw new ConnectionError(errorCode.frameSizeError, 'RST_STREAM of wrong length');
    if (streamId > host.streams.lastId) {
      throw new ConnectionError(errorCode.protocolError, 'RST_STREAM on an idle stream');
    }
    const stream = host.streams.get(streamId);
    if (stream === undefined) {
      host.streams.forgetReset(streamId);
      host.guard.spend('unknownFrames', host.now);
      return;
    }
    host.sender.forget(stream);
    host.streams.remove(stream);
    host.counters.streamsReset++;
    stream.sink.onAborted();
    host.onStreamGone();
    if (host.now - stream.openedAt < host.limits.rapidResetMs) host.guard.spend('resets', host.now);
  }

  #onPriority(streamId: number, bytes: Buffer, start: number, end: number): void {
    const host = this.#host;
    if (streamId === 0) throw new ConnectionError(errorCode.protocolError, 'PRIORITY on stream 0');
    host.guard.spend('priorities', host.now);
    const code =
      end - start !== 5
        ? errorCode.frameSizeError
        : readUint31(bytes, start) === streamId
          ? errorCode.protocolError
          : errorCode.noError;
    if (code === errorCode.noError) return;
    const stream = host.streams.get(streamId);
    if (stream === undefined) this.#resetStray(streamId, code);
    else this.#violate(stream, code);
  }
}
