import type { EventEmitter } from 'node:events';
import type { Clock } from '../util/clock.ts';

interface Waiting {
  readonly clock: Clock;
  readonly limitMs: number;
}

/** Resolves when a connection to Redis can be used, however often it failed before, and at the latest when the time is up. */
export async function whenReady(
  client: Pick<EventEmitter, 'once' | 'off'> & { readonly status: string },
  { clock, limitMs }: Waiting,
): Promise<void> {
  if (client.status === 'ready') return;
  const { promise, resolve } = Promise.withResolvers<void>();
  client.once('ready', resolve);
  using _limit = clock.after(limitMs, resolve);
  await promise;
  client.off('ready', resolve);
}
