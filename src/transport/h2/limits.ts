/** What a peer can exceed. Each has a counter in `H2Counters`. */
export type LimitName =
  | 'connections'
  | 'concurrentStreams'
  | 'headerListBytes'
  | 'headerBlockBytes'
  | 'continuations'
  | 'resets'
  | 'provokedResets'
  | 'pings'
  | 'settings'
  | 'priorities'
  | 'emptyData'
  | 'windowUpdates'
  | 'unknownFrames'
  | 'connectionBytes'
  | 'totalBytes'
  | 'windowStall'
  | 'slowRequest'
  | 'slowFrame'
  | 'settingsAck'
  | 'keepalive'
  | 'idle'
  | 'age';

/** Frames of one kind that a peer may send in one `floodWindowMs` beyond those that our own traffic explains. */
export type FloodName =
  | 'resets'
  | 'provokedResets'
  | 'pings'
  | 'settings'
  | 'priorities'
  | 'emptyData'
  | 'windowUpdates'
  | 'unknownFrames';

/** Bounds on what a peer may cost. Durations in milliseconds; Infinity switches one off. */
export interface H2Limits {
  readonly maxConnections: number;
  readonly maxConcurrentStreams: number;
  /**
   * Size of a decoded header list as RFC 9113, section 6.5.2 counts it. A larger one fails its stream only: it is decoded to
   * its end, which keeps the table right, but the fields above the limit are not kept.
   */
  readonly maxHeaderListBytes: number;
  /**
   * Size of an encoded header block over HEADERS and CONTINUATION. A larger one ends the connection. Some times the limit
   * above, so that one careless call behind a proxy does not end those that share its connection.
   */
  readonly maxHeaderBlockBytes: number;
  readonly maxContinuations: number;
  /** Receive window of a stream. 4 MB let a 600 kB tensor pass without a stop, which doubles the rate of 64 kB. */
  readonly streamWindowBytes: number;
  readonly connectionWindowBytes: number;
  readonly maxFrameBytes: number;
  readonly floodWindowMs: number;
  readonly floods: Readonly<Record<FloodName, number>>;
  /** A reset of a stream younger than this counts as rapid; older ones are clients that gave up waiting. */
  readonly rapidResetMs: number;
  /** Bytes of requests and replies held for one connection, and for all connections of the server together. */
  readonly maxConnectionBytes: number;
  readonly maxTotalBytes: number;
  /** Bytes handed to the socket and not taken by the kernel, above which replies wait in their streams. */
  readonly maxSocketBacklogBytes: number;
  /** A stream whose reply does not move for so long is reset; a socket that does not drain is closed. */
  readonly windowStallMs: number;
  /** A request message must arrive at `minRequestBytesPerSecond` on average once it is older than this. */
  readonly slowRequestGraceMs: number;
  readonly minRequestBytesPerSecond: number;
  /** A frame, a header block, the preface or a TLS handshake must be complete within this. */
  readonly slowFrameMs: number;
  readonly settingsAckMs: number;
  readonly keepaliveTimeMs: number;
  readonly keepaliveTimeoutMs: number;
  readonly maxIdleMs: number;
  /** Connections are asked to reconnect at this age, give or take a tenth, so that they do not all do it at once. */
  readonly maxAgeMs: number;
  readonly maxAgeGraceMs: number;
}

export const defaultLimits: H2Limits = {
  maxConnections: 10_000,
  maxConcurrentStreams: 1000,
  maxHeaderListBytes: 16_384,
  maxHeaderBlockBytes: 262_144,
  maxContinuations: 16,
  streamWindowBytes: 4 << 20,
  connectionWindowBytes: 16 << 20,
  maxFrameBytes: 16_384,
  floodWindowMs: 10_000,
  floods: {
    resets: 1000,
    provokedResets: 200,
    pings: 1000,
    settings: 200,
    priorities: 1000,
    emptyData: 1000,
    windowUpdates: 5000,
    unknownFrames: 1000,
  },
  rapidResetMs: 500,
  maxConnectionBytes: 256 << 20,
  maxTotalBytes: 1 << 30,
  maxSocketBacklogBytes: 4 << 20,
  windowStallMs: 60_000,
  slowRequestGraceMs: 20_000,
  minRequestBytesPerSecond: 512,
  slowFrameMs: 10_000,
  settingsAckMs: 20_000,
  keepaliveTimeMs: 7_200_000,
  keepaliveTimeoutMs: 20_000,
  maxIdleMs: Number.POSITIVE_INFINITY,
  maxAgeMs: Number.POSITIVE_INFINITY,
  maxAgeGraceMs: 30_000,
};
