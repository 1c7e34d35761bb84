import type { H2Counters } from './counters.ts';
import type { H2Limits, LimitName } from './limits.ts';
import { errorCode } from './protocol.ts';
import type { Sender } from './sender.ts';
import type { H2Stream } from './stream.ts';
import type { StreamTable } from './stream-table.ts';

/** What is looked at of a connection. */
export interface SlowStreamsHost {
  readonly limits: H2Limits;
  readonly counters: H2Counters;
  readonly sender: Pick<Sender, 'isFull'>;
  readonly streams: Pick<StreamTable, 'all'>;
}

/** Resets streams whose peer takes no answer, or sends its request too slowly; the socket's own backlog is nobody's fault. */
export function abortSlowStreams({ limits, counters, sender, streams }: SlowStreamsHost, now: number): void {
  for (const stream of streams.all()) {
    const limit = brokenLimit(stream, limits, { now, isFull: sender.isFull });
    if (limit === undefined) continue;
    counters.limitHits[limit]++;
    const { sink } = stream;
    stream.reset(errorCode.enhanceYourCalm);
    sink.onAborted();
  }
}

function brokenLimit(
  stream: H2Stream,
  limits: H2Limits,
  { now, isFull }: { readonly now: number; readonly isFull: boolean },
): LimitName | undefined {
  const { queue } = stream;
  if (queue !== undefined && !isFull && now - queue.progressAt >= limits.windowStallMs) return 'windowStall';
  const elapsedMs = now - stream.awaitingSince;
  if (elapsedMs < limits.slowRequestGraceMs) return undefined;
  return stream.awaitedBytes < (elapsedMs / 1000) * limits.minRequestBytesPerSecond
    ? 'slowRequest'
    : undefined;
}
