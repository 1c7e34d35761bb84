import { ByteBudget } from '../../src/transport/h2/byte-budget.ts';
import { Connection } from '../../src/transport/h2/connection.ts';
import { createCounters, type H2Counters } from '../../src/transport/h2/counters.ts';
import { encodeHeaderBlock } from '../../src/transport/h2/hpack-encode.ts';
import { defaultLimits, type H2Limits } from '../../src/transport/h2/limits.ts';
import { OutputBuffers } from '../../src/transport/h2/output.ts';
import type { RequestHead } from '../../src/transport/h2/request-head.ts';
import type { H2Stream, StreamSink } from '../../src/transport/h2/stream.ts';
import { FakeClock } from './fake-clock.ts';
import { FakeSocket } from './fake-socket.ts';
import { opening, parseFrames, type Frame } from './h2-frames.ts';

export const okHeaders = encodeHeaderBlock([[':status', '200']]);
export const someTrailers = encodeHeaderBlock([['x-end', 'yes']]);

/** What happened to one request. */
export class RecordingSink implements StreamSink {
  readonly stream: H2Stream;
  readonly head: RequestHead;
  readonly events: string[] = [];
  body = Buffer.alloc(0);
  credits = true;

  constructor(stream: H2Stream, head: RequestHead) {
    this.stream = stream;
    this.head = head;
  }

  onData(chunk: Buffer, start: number, end: number): void {
    this.body = Buffer.concat([this.body, chunk.subarray(start, end)]);
    if (this.credits) this.stream.credit(end - start);
  }

  onEnd(): void {
    this.events.push('end');
  }

  onDrained(): void {
    this.events.push('drained');
  }

  onDone(): void {
    this.events.push('done');
  }

  onAborted(): void {
    this.events.push('aborted');
  }
}

/** A connection on a fake socket with a fake clock, whose requests are recorded and answered by the test. */
export class TestConnection {
  readonly socket = new FakeSocket();
  readonly clock = new FakeClock(1000);
  readonly counters: H2Counters = createCounters();
  readonly sinks: RecordingSink[] = [];
  readonly failures: unknown[] = [];
  readonly connection: Connection<RequestHead>;
  isGone = false;

  constructor(limits: Partial<H2Limits> = {}, open: Buffer = opening) {
    const all = { ...defaultLimits, ...limits };
    this.connection = new Connection(
      this.socket,
      'test',
      {
        limits: all,
        counters: this.counters,
        clock: this.clock,
        buffers: new OutputBuffers(),
        budget: new ByteBudget(all.maxTotalBytes, this.counters),
        acceptor: {
          readRequest: (head) => head,
          open: (stream, head) => {
            const sink = new RecordingSink(stream, head);
            this.sinks.push(sink);
            return sink;
          },
        },
        onFailure: (_peer, error) => this.failures.push(error),
      },
      () => {
        this.isGone = true;
      },
    );
    if (open.length > 0) this.socket.receive(open);
  }

  get sink(): RecordingSink {
    return this.sinks.at(-1)!;
  }

  /** Frames written since the last call. */
  frames(): Frame[] {
    return parseFrames(this.socket.takeWritten());
  }

  /** Frames of one type written since the last call. */
  framesOf(type: number): Frame[] {
    return this.frames().filter((frame) => frame.type === type);
  }

  /** Error code of the GOAWAY written since the last call; undefined without one. */
  goAwayCode(): number | undefined {
    return this.framesOf(7).at(-1)?.payload.readUInt32BE(4);
  }

  /** Moves time on and lets the connection look at its limits. */
  pass(ms: number): void {
    this.clock.advance(ms);
    this.connection.check(this.clock.now());
  }
}
