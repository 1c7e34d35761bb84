/** When requests are sent. `closed` keeps so many in flight; the others do not care how the server keeps up. */
export type Pace =
  | { readonly kind: 'closed'; readonly inFlight: number }
  | { readonly kind: 'open'; readonly perSecond: number }
  /** Two rates that take turns, each for `stateMs`. */
  | {
      readonly kind: 'bursts';
      readonly lowPerSecond: number;
      readonly highPerSecond: number;
      readonly stateMs: number;
    };

/** One kind of request at one pace. */
export interface LoadStream {
  readonly name: string;
  /** File with the framed request. */
  readonly framedFile: string;
  readonly pace: Pace;
  readonly connections: number;
  /** Deadlines of the requests (grpc-timeout), taken in turn; none when empty. */
  readonly timeoutsMs: readonly number[];
  /** Requests without an answer by then are reset; 0: none are. */
  readonly cancelAfterMs: number;
}

/** What the load generator does, all streams at once. */
export interface LoadPlan {
  readonly port: number;
  /** Sent, but not counted. */
  readonly warmUpMs: number;
  readonly measureMs: number;
  readonly streams: readonly LoadStream[];
}

/** What became of the requests of one stream that were sent while it was measured. Latencies count from the sending. */
export interface StreamResult {
  readonly name: string;
  readonly sent: number;
  readonly ok: number;
  /** Answered with OK before the deadline had passed at the client. */
  readonly inTime: number;
  readonly seconds: number;
  /** How many requests ended with which grpc-status; `cancelled` for those reset by this side. */
  readonly endings: Readonly<Record<string, number>>;
  /** Of those that ended other than well after having waited for more than 2 ms, resets included. */
  readonly lostAfterWaiting: number;
  /** All requests of the stream that got OK, the ones outside the measured time included. */
  readonly okInAll: number;
  readonly okP50Us: number;
  readonly okP99Us: number;
  readonly refusedP99Us: number;
  /** 99 % of the requests were sent at most so long after their time. */
  readonly lagP99Us: number;
}

export interface LoadResult {
  readonly streams: readonly StreamResult[];
  /** CPU time of the generator, per request. */
  readonly cpuUsPerRequest: number;
  /** CPU time of its process, from its start. */
  readonly cpuMs: number;
}
