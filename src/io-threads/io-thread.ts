import { parentPort, workerData } from 'node:worker_threads';
import { serveThread } from './serve-thread.ts';

if (parentPort === null) throw new Error('bug: an I/O thread was started as a program');
const server = serveThread(workerData, parentPort);

let failed = false;
process.on('uncaughtException', (error) => {
  if (failed) return;
  failed = true;
  void server.abandon(error).finally(() => process.exit(1));
});
