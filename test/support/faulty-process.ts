import { frameDescriptor } from '../../src/execution/process-frames.ts';
import { serveFrames } from '../../src/execution/process-loop.ts';
import { openSession } from '../../src/execution/session.ts';
import { writeSync } from 'node:fs';

/** A session process that misbehaves in batches of so many rows. */
await serveFrames(frameDescriptor, async (modelPath, options) => {
  const session = await openSession(modelPath, options);
  return {
    ...session,
    compute(feeds, fetches) {
      const rows = feeds['x']?.dims[0] ?? 0;
      if (rows === 10) process.abort();
      if (rows === 11) process.kill(process.pid, 'SIGKILL');
      if (rows === 12) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
      if (rows === 13) writeSync(frameDescriptor, Buffer.alloc(200, 0xfe));
      return session.compute(feeds, fetches);
    },
  };
});
