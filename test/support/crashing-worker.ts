import { workerData } from 'node:worker_threads';
import { openSession } from '../../src/execution/session.ts';
import { serveBatches } from '../../src/execution/worker-loop.ts';

/** A session thread that dies of an uncaught error in the middle of a batch of more than 9 rows. */
await serveBatches(workerData, async (modelPath, options) => {
  const session = await openSession(modelPath, options);
  return {
    ...session,
    compute(feeds, fetches) {
      const rows = feeds['x']?.dims[0] ?? 0;
      if (rows <= 9) return session.compute(feeds, fetches);
      setImmediate(() => {
        throw new Error('crashed as the test wants');
      });
      return new Promise(() => undefined);
    },
  };
});
