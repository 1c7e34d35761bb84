import type { Duplex } from 'node:stream';
import type { Clock } from '../../util/clock.ts';
import { noteReceived } from '../../util/received-bytes.ts';
import { ConnectionBudget, type ByteBudget } from './byte-budget.ts';
import { ConnectionError } from './connection-error.ts';
import { decideLife, type ConnectionState, type Phase } from './connection-life.ts';
import type { H2Counters } from './counters.ts';
import { FloodGuard } from './flood-guard.ts';
import { FrameParser } from './frame-parser.ts';
import { putFrame } from './frame-writer.ts';
import type { H2Limits, LimitName } from './limits.ts';
import { Output, type OutputBuffers } from './output.ts';
import { errorCode, frameType, largestStreamId } from './protocol.ts';
import { Receiver, type ReceiverHost, type StreamAcceptor } from './receiver.ts';
import { Sender, type SenderHost } from './sender.ts';
import { encodeSettings } from './settings.ts';
import { abortSlowStreams } from './slow-streams.ts';
import { onReceived } from './socket-reads.ts';
import type { H2Stream } from './stream.ts';
import { StreamTable } from './stream-table.ts';

/** What all connections of one listener share. */
export interface ConnectionShared<R> {
  readonly limits: H2Limits;
  readonly counters: H2Counters;
  readonly clock: Clock;
  readonly buffers: OutputBuffers;
  readonly budget: ByteBudget;
  readonly acceptor: StreamAcceptor<R>;
  /** A connection that ended on a violation or on a bug of ours; for the log. */
  readonly onFailure: (peer: string, error: unknown) => void;
}

/** Sent with the PING that follows the announcing GOAWAY, to tell its answer from a keepalive's. */
const announcementPing = Buffer.from('goodbye!', 'latin1');
const keepalivePing = Buffer.from('are you?', 'latin1');
const announcedAgeJitter = 0.1;
/** Control frames may be answered up to this much beyond a full socket; then reading stops. */
const controlSlackBytes = 262_144;
/** A closed connection's peer may send this much more before it is cut off. */
const discardLimitBytes = 1 << 20;

/** One HTTP/2 connection over a socket: ties the receiving and the sending side to it, and decides about its life. */
export class Connection<R> implements ReceiverHost, SenderHost {
  now: number;
  readonly peer: string;
  readonly limits: H2Limits;
  readonly counters: H2Counters;
  readonly budget: ConnectionBudget;
  readonly streamWindowBytes: number;
  readonly guard: FloodGuard;
  readonly sender: Sender;
  readonly streams = new StreamTable();
  readonly #shared: ConnectionShared<R>;
  readonly #socket: Duplex;
  readonly #parser: FrameParser;
  readonly #receiver: Receiver<R>;
  readonly #onGone: (connection: Connection<R>) => void;
  readonly #flushSoon = (): void => {
    this.#flushScheduled = false;
    this.#flush();
  };
  #phase: Phase = 'open';
  #phaseSince: number;
  #gone = false;
  #parsing = false;
  #flushScheduled = false;
  #paused = false;
  #retireAt: number;
  #forceAt = Number.POSITIVE_INFINITY;
  #lastReadAt: number;
  #lastStreamAt: number;
  #incompleteSince: number;
  #settingsSentAt: number;
  #pingSentAt = Number.POSITIVE_INFINITY;
  #backlogSince = Number.POSITIVE_INFINITY;
  #backlogSeen = 0;
  #discardedBytes = 0;

  constructor(
    socket: Duplex,
    peer: string,
    shared: ConnectionShared<R>,
    onGone: (connection: Connection<R>) => void,
  ) {
    const { limits, counters, clock } = shared;
    const now = clock.now();
    this.now = now;
    this.peer = peer;
    this.limits = limits;
    this.counters = counters;
    this.#shared = shared;
    this.#socket = socket;
    this.#onGone = onGone;
    this.streamWindowBytes = limits.streamWindowBytes;
    this.budget = new ConnectionBudget(shared.budget, limits.maxConnectionBytes, counters);
    this.guard = new FloodGuard(limits, counters, now);
    this.sender = new Sender(new Output(shared.buffers), this, this.guard, limits.maxSocketBacklogBytes);
    this.#receiver = new Receiver(this, shared.acceptor);
    this.#parser = new FrameParser(this.#receiver, limits.maxFrameBytes);
    this.#phaseSince = now;
    this.#lastReadAt = now;
    this.#lastStreamAt = now;
    this.#incompleteSince = now;
    this.#settingsSentAt = now;
    this.#retireAt = now + limits.maxAgeMs * (1 + announcedAgeJitter * (2 * Math.random() - 1));
    this.#listen();
    this.#putFrame(frameType.settings, encodeSettings(limits));
    this.#receiver.openWindow();
    this.#flush();
  }

  get refusesStreams(): boolean {
    return this.#phase === 'draining' || this.#phase === 'closing';
  }

  addLingering(count: number): void {
    this.streams.lingering += count;
  }

  wantFlush(): void {
    if (this.#parsing || this.#flushScheduled || this.#gone) return;
    this.#flushScheduled = true;
    process.nextTick(this.#flushSoon);
  }

  onStreamSent(stream: H2Stream): void {
    if (!stream.remoteClosed) {
      this.streams.rememberReset(stream.id);
      this.sender.resetId(stream.id, errorCode.noError);
    }
    this.streams.remove(stream);
    this.guard.noteAnswered();
    stream.sink.onDone();
    this.onStreamGone();
    this.wantFlush();
  }

  onStreamReset(stream: H2Stream): void {
    this.counters.streamsReset++;
    this.streams.rememberReset(stream.id);
    this.streams.remove(stream);
    this.onStreamGone();
  }

  onStreamGone(): void {
    this.#lastStreamAt = this.now;
    if (this.#phase === 'draining' && this.streams.size === 0) this.#close();
  }

  onSettingsAck(): void {
    this.#settingsSentAt = Number.POSITIVE_INFINITY;
  }

  onPingAck(payload: Buffer): void {
    if (this.#phase === 'announced' && announcementPing.equals(payload)) this.#finishAnnouncement();
    this.#pingSentAt = Number.POSITIVE_INFINITY;
  }

  onPeerGoAway(): void {
    if (this.#phase === 'open' || this.#phase === 'announced') this.#finishAnnouncement();
  }

  /** Asks the client to go elsewhere, lets what runs finish, and cuts off what is still open after `graceMs`. */
  drain(graceMs: number): void {
    const now = this.#shared.clock.now();
    this.#forceAt = Math.min(this.#forceAt, now + graceMs);
    if (this.#phase !== 'open') return;
    this.#enter('announced', now);
    this.#goAway(largestStreamId, errorCode.noError, '');
    this.#putFrame(frameType.ping, announcementPing);
    this.wantFlush();
  }

  /** Closes at once; streams are aborted. */
  destroy(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#parser.stop();
    this.#abortStreams();
    this.#socket.destroy();
    this.#onGone(this);
  }

  /** Looks after time limits; called a few times per second. */
  check(now: number): void {
    this.now = now;
    this.#noteBacklog(now);
    this.sender.output.releaseIdle(this.#socket);
    const action = decideLife(this.#state(), this.limits, now);
    switch (action.kind) {
      case 'none':
        break;
      case 'ping':
        this.#pingSentAt = now;
        this.#putFrame(frameType.ping, keepalivePing);
        this.wantFlush();
        break;
      case 'retire':
        this.counters.limitHits[action.limit]++;
        this.drain(this.limits.maxAgeGraceMs);
        break;
      case 'finishAnnouncement':
        this.#finishAnnouncement();
        break;
      case 'fail':
        this.counters.limitHits[action.limit]++;
        this.#fail(
          new ConnectionError(
            action.settingsTimeout ? errorCode.settingsTimeout : errorCode.enhanceYourCalm,
            `timeout: ${action.limit}`,
            action.limit,
          ),
        );
        break;
      case 'destroy':
        if (action.limit !== undefined) this.#noteLimit(action.limit);
        this.destroy();
        break;
    }
    if (!this.#gone && this.#phase !== 'closing') abortSlowStreams(this, now);
  }

  /** Of a connection that is gone without a word. */
  #noteLimit(limit: LimitName): void {
    this.counters.limitHits[limit]++;
    this.#shared.onFailure(
      this.peer,
      new ConnectionError(errorCode.enhanceYourCalm, `timeout: ${limit}`, limit),
    );
  }

  #listen(): void {
    const socket = this.#socket;
    onReceived(socket, (bytes) => this.receive(bytes));
    socket.on('drain', () => this.#onDrain());
    socket.on('end', () => this.#onPeerEnd());
    socket.on('error', () => this.destroy());
    socket.on('close', () => this.destroy());
  }

  #state(): ConnectionState {
    return {
      phase: this.#phase,
      phaseSince: this.#phaseSince,
      retireAt: this.#retireAt,
      forceAt: this.#forceAt,
      streams: this.streams.size,
      lastStreamAt: this.#lastStreamAt,
      lastReadAt: this.#lastReadAt,
      incompleteSince: this.#incompleteSince,
      settingsSentAt: this.#settingsSentAt,
      pingSentAt: this.#pingSentAt,
      backlogSince: this.#backlogSince,
    };
  }

  /** Bytes of the peer; valid during the call only. */
  receive(chunk: Buffer): void {
    noteReceived(chunk.length);
    if (this.#gone) return;
    if (this.#phase === 'closing') {
      this.#discard(chunk.length);
      return;
    }
    const now = this.#shared.clock.now();
    this.now = now;
    this.#lastReadAt = now;
    this.#parsing = true;
    try {
      this.#parser.parse(chunk);
    } catch (error) {
      this.#parsing = false;
      this.#fail(error);
      return;
    }
    this.#parsing = false;
    const isComplete = this.#parser.isAtBoundary && !this.#receiver.isInHeaderBlock;
    if (isComplete) this.#incompleteSince = Number.POSITIVE_INFINITY;
    else if (this.#incompleteSince === Number.POSITIVE_INFINITY) this.#incompleteSince = now;
    this.#flush();
  }

  /** What still comes is read for a while, since closing on unread bytes would take our last frames from the peer. */
  #discard(sizeBytes: number): void {
    this.#discardedBytes += sizeBytes;
    if (this.#discardedBytes > discardLimitBytes) this.destroy();
  }

  #onDrain(): void {
    this.sender.backlogBytes = this.#socket.writableLength;
    this.#backlogSince = Number.POSITIVE_INFINITY;
    this.now = this.#shared.clock.now();
    this.sender.pumpAll();
    this.#flush();
  }

  #onPeerEnd(): void {
    if (this.#phase === 'closing') this.destroy();
    else if (this.streams.size === 0) this.#close();
    else this.destroy();
  }

  /** One write for all that the tick produced, and again while the socket takes it and streams wait for it. */
  #flush(): void {
    if (this.#gone) return;
    const { sender } = this;
    const socket = this.#socket;
    do {
      sender.output.flush(socket);
      sender.backlogBytes = socket.writableLength;
    } while (sender.hasWaiting && !sender.isFull && sender.pumpAll());
    if (sender.backlogBytes === 0) this.#backlogSince = Number.POSITIVE_INFINITY;
    const mustPause = sender.backlogBytes > this.limits.maxSocketBacklogBytes + controlSlackBytes;
    if (mustPause !== this.#paused) {
      this.#paused = mustPause;
      if (mustPause) socket.pause();
      else socket.resume();
    }
  }

  #noteBacklog(now: number): void {
    const backlog = this.#socket.writableLength;
    if (backlog === 0) this.#backlogSince = Number.POSITIVE_INFINITY;
    else if (backlog < this.#backlogSeen || this.#backlogSince === Number.POSITIVE_INFINITY) {
      this.#backlogSince = now;
    }
    this.#backlogSeen = backlog;
  }

  #finishAnnouncement(): void {
    this.#enter('draining', this.now);
    this.#goAway(this.streams.lastId, errorCode.noError, '');
    this.wantFlush();
    if (this.streams.size === 0) this.#close();
  }

  /** Sends what is left and waits for the peer to close too. */
  #close(): void {
    if (this.#gone || this.#phase === 'closing') return;
    this.#flush();
    this.#enter('closing', this.now);
    this.#parser.stop();
    this.#socket.end();
  }

  #fail(error: unknown): void {
    if (this.#gone || this.#phase === 'closing') return;
    this.counters.connectionErrors++;
    this.#shared.onFailure(this.peer, error);
    const known = error instanceof ConnectionError;
    this.#goAway(
      this.streams.lastId,
      known ? error.code : errorCode.internalError,
      known ? error.message : '',
    );
    this.#close();
    this.#abortStreams();
  }

  #abortStreams(): void {
    for (const stream of this.streams.all()) {
      this.sender.forget(stream);
      this.streams.remove(stream);
      stream.sink.onAborted();
    }
  }

  #enter(phase: Phase, now: number): void {
    this.#phase = phase;
    this.#phaseSince = now;
  }

  #goAway(lastStreamId: number, code: number, debug: string): void {
    const payload = Buffer.alloc(8 + debug.length);
    payload.writeUInt32BE(lastStreamId, 0);
    payload.writeUInt32BE(code, 4);
    payload.write(debug, 8, 'latin1');
    this.#putFrame(frameType.goAway, payload);
  }

  #putFrame(type: number, payload: Buffer): void {
    putFrame(this.sender.output, { type, flags: 0, streamId: 0, payload });
  }
}
