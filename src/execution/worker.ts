import { workerData } from 'node:worker_threads';
import { openSession } from './session.ts';
import { serveBatches } from './worker-loop.ts';

await serveBatches(workerData, openSession);
