import type { Duplex } from 'node:stream';
import type { Clock } from '../../util/clock.ts';

/** No method of HTTP/1.1 begins like HTTP/2's preface does. */
const opening = Buffer.from('PRI', 'latin1');

export interface Sniffing {
  readonly clock: Clock;
  /** A peer that has not shown by then what it speaks is cut off. */
  readonly timeoutMs: number;
  /**
   * Called once, unless the peer leaves before. `first` is all that was read of the socket, which is paused and has no
   * listeners of this function any more.
   */
  readonly decided: (protocol: 'http2' | 'other', first: Buffer) => void;
}

/** Tells by a connection's first bytes whether it speaks HTTP/2 with prior knowledge. */
export function sniffProtocol(socket: Duplex, { clock, timeoutMs, decided }: Sniffing): void {
  let first: Buffer = Buffer.alloc(0);
  const timer = clock.after(timeoutMs, () => socket.destroy());
  const stop = (): void => {
    timer[Symbol.dispose]();
    socket.off('data', onData);
    socket.off('error', stop);
    socket.off('close', stop);
  };
  const onData = (bytes: Buffer): void => {
    first = first.length === 0 ? bytes : Buffer.concat([first, bytes]);
    const known = Math.min(first.length, opening.length);
    const isLikePreface = first.compare(opening, 0, known, 0, known) === 0;
    if (isLikePreface && known < opening.length) return;
    stop();
    socket.pause();
    decided(isLikePreface ? 'http2' : 'other', first);
  };
  socket.on('error', stop);
  socket.on('close', stop);
  socket.on('data', onData);
}
