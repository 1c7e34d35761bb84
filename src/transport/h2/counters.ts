import type { LimitName } from './limits.ts';

/** Monotone counts of one listener, and gauges that say so. Read from anywhere, written by its connections. */
export interface H2Counters {
  connectionsOpened: number;
  connectionsClosed: number;
  streamsOpened: number;
  streamsReset: number;
  /** Connections that a violation ended. */
  connectionErrors: number;
  /** Gauge: bytes of requests and replies held in memory. */
  heldBytes: number;
  /** How often each limit was hit. */
  readonly limitHits: Record<LimitName, number>;
}

export function createCounters(): H2Counters {
  return {
    connectionsOpened: 0,
    connectionsClosed: 0,
    streamsOpened: 0,
    streamsReset: 0,
    connectionErrors: 0,
    heldBytes: 0,
    limitHits: {
      connections: 0,
      concurrentStreams: 0,
      headerListBytes: 0,
      headerBlockBytes: 0,
      continuations: 0,
      resets: 0,
      provokedResets: 0,
      pings: 0,
      settings: 0,
      priorities: 0,
      emptyData: 0,
      windowUpdates: 0,
      unknownFrames: 0,
      connectionBytes: 0,
      totalBytes: 0,
      windowStall: 0,
      slowRequest: 0,
      slowFrame: 0,
      settingsAck: 0,
      keepalive: 0,
      idle: 0,
      age: 0,
    },
  };
}
