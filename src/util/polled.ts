import { setImmediate as nextTurn } from 'node:timers/promises';

/** Resolves when everything has been seen that had come to this thread by now: bytes, connections, messages. */
export async function polled(): Promise<void> {
  // The first ends the turn that runs; what came is looked at before the second.
  await nextTurn();
  await nextTurn();
}
