/**
 * Buffers of received bytes lie outside of V8's heap, so however many there are, the objects that own them hardly fill the
 * young generation: left to itself V8 finds them by full collections, several a second under large tensors, which cost more
 * than all else. A program that owns its process can have the young ones collected in time instead.
 */
export interface YoungCollector {
  /** Collects the young generation. @returns milliseconds of this thread's CPU time. */
  collect(): number;
}

/** Received between two collections. Below, they would be too many; above, V8's own full ones come first. */
const leastBytes = 4 * 1024 * 1024;
const mostBytes = 64 * 1024 * 1024;
/** A collection that takes longer finds that most still live: the next one comes later. */
const longMs = 1;

let collector: YoungCollector | undefined;
let receivedBytes = 0;
let limitBytes = leastBytes;

/** For this thread; undefined takes it back. */
export function useYoungCollector(chosen: YoungCollector | undefined): void {
  collector = chosen;
  receivedBytes = 0;
  limitBytes = leastBytes;
}

/** Says that so many bytes were received. May collect. */
export function noteReceived(sizeBytes: number): void {
  receivedBytes += sizeBytes;
  if (receivedBytes < limitBytes || collector === undefined) return;
  receivedBytes = 0;
  const ms = collector.collect();
  limitBytes = ms > longMs ? Math.min(mostBytes, 2 * limitBytes) : Math.max(leastBytes, limitBytes / 2);
}
