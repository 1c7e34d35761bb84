import { Worker } from 'node:worker_threads';

/** Once a second: who looks for a leftover process finds none. */
const watch = `
  const { workerData: parent } = require('node:worker_threads');
  setInterval(() => { if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL'); }, 1000);
`;

/** Ends the process when its parent is gone, also while a hook that never ends holds its main thread. */
export function watchParent(): void {
  const limits = { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 2 };
  const options = { eval: true, workerData: process.ppid, resourceLimits: limits };
  new Worker(watch, options).on('error', () => process.exit(1));
}
