import { workerData } from 'node:worker_threads';
import { serveBatches } from '../../src/execution/worker-loop.ts';
import { openSession } from './held-session.ts';

/** A session thread whose runs last as long as a test wants, by held-session.ts. */
await serveBatches(workerData, openSession);
