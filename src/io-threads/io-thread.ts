import { parentPort, workerData } from 'node:worker_threads';
import { ServingThread } from './serving-thread.ts';

if (parentPort === null) throw new Error('bug: an I/O thread was started as a program');
const thread = new ServingThread(workerData, parentPort);

/** A thread with a fault ends as soon as that is safe; the main thread starts another one. */
async function endFor(error: unknown): Promise<void> {
  process.off('uncaughtException', onFault);
  process.on('uncaughtException', () => undefined);
  try {
    await thread.abandon(error);
  } finally {
    process.exit(1);
  }
}

function onFault(error: unknown): void {
  void endFor(error);
}

process.on('uncaughtException', onFault);
