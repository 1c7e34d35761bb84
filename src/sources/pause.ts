import type { Clock } from '../util/clock.ts';

/** Resolves after the time, or rejects when the signal says so. */
export async function pause(
  delayMs: number,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  signal.throwIfAborted();
  const over = Promise.withResolvers<void>();
  const abort = (): void => over.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  using _timer = clock.after(delayMs, over.resolve);
  try {
    await over.promise;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
