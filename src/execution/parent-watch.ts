import { workerData } from 'node:worker_threads';

/** How long a session process may outlive a server that was killed in the middle of a run. */
const lookEveryMs = 1000;

/**
 * A thread of a session process: ends the process when the server is gone. The main thread sees that too, but only between two runs,
 * and a run may never end. Whoever adopts the process then has another id.
 */
const server: unknown = workerData;
setInterval(() => {
  if (process.ppid !== server) process.kill(process.pid, 'SIGKILL');
}, lookEveryMs);
