import type { H2Limits, LimitName } from './limits.ts';

/** Where a connection stands on its way out. */
export type Phase =
  /** Takes new streams. */
  | 'open'
  /** GOAWAY announced, new streams still taken: they may have been sent before it arrived. */
  | 'announced'
  /** Final GOAWAY sent, new streams refused, the others finish. */
  | 'draining'
  /** Nothing is sent any more; the socket closes. */
  | 'closing';

/** What decides about a connection's life. Times in the clock's milliseconds; Infinity for what is not running. */
export interface ConnectionState {
  readonly phase: Phase;
  readonly phaseSince: number;
  /** When the connection was asked to reconnect after, its jitter included. */
  readonly retireAt: number;
  /** When what is still open is cut off. */
  readonly forceAt: number;
  readonly streams: number;
  readonly lastStreamAt: number;
  readonly lastReadAt: number;
  /** Since when a frame, a header block or the preface is incomplete. */
  readonly incompleteSince: number;
  readonly settingsSentAt: number;
  readonly pingSentAt: number;
  /** Since when the socket has taken nothing of what waits for it. */
  readonly backlogSince: number;
}

export type LifeAction =
  | { readonly kind: 'none' }
  | { readonly kind: 'ping' }
  | { readonly kind: 'retire'; readonly limit: LimitName }
  | { readonly kind: 'finishAnnouncement' }
  | { readonly kind: 'fail'; readonly limit: LimitName; readonly settingsTimeout: boolean }
  | { readonly kind: 'destroy'; readonly limit: LimitName | undefined };

/** How long a peer gets to answer the announcing GOAWAY before the final one follows all the same. */
const announcementMs = 1000;
/** How long a closed connection waits for the peer's FIN, so that the last frames reach it. */
export const lingerMs = 500;

const none: LifeAction = { kind: 'none' };

/** What to do about a connection now. Pure; asked a few times per second for every connection. */
export function decideLife(state: ConnectionState, limits: H2Limits, now: number): LifeAction {
  if (state.phase === 'closing') {
    return now - state.phaseSince >= lingerMs ? { kind: 'destroy', limit: undefined } : none;
  }
  if (now >= state.forceAt) return { kind: 'destroy', limit: undefined };
  if (now - state.backlogSince >= limits.windowStallMs) return { kind: 'destroy', limit: 'windowStall' };
  if (now - state.pingSentAt >= limits.keepaliveTimeoutMs && state.lastReadAt < state.pingSentAt) {
    return { kind: 'destroy', limit: 'keepalive' };
  }
  if (now - state.incompleteSince >= limits.slowFrameMs) {
    return { kind: 'fail', limit: 'slowFrame', settingsTimeout: false };
  }
  if (now - state.settingsSentAt >= limits.settingsAckMs) {
    return { kind: 'fail', limit: 'settingsAck', settingsTimeout: true };
  }
  if (state.phase === 'announced') {
    return now - state.phaseSince >= announcementMs ? { kind: 'finishAnnouncement' } : none;
  }
  if (state.phase === 'open') {
    if (now >= state.retireAt) return { kind: 'retire', limit: 'age' };
    if (state.streams === 0 && now - state.lastStreamAt >= limits.maxIdleMs) {
      return { kind: 'retire', limit: 'idle' };
    }
  }
  if (now - state.lastReadAt >= limits.keepaliveTimeMs && state.pingSentAt === Number.POSITIVE_INFINITY) {
    return { kind: 'ping' };
  }
  return none;
}
