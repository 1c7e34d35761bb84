import { writeFileSync } from 'node:fs';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { frameDescriptor } from './process-frames.ts';
import { serveFrames } from './process-loop.ts';
import { openSession } from './session.ts';

/** Above that of the server: when the machine is out of memory, the kernel takes this process and not the server. */
const outOfMemoryScore = '500';

// Sent to all processes of a terminal or a service. The server drains and then closes this one; it ends with the server.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);

try {
  writeFileSync('/proc/self/oom_score_adj', outOfMemoryScore);
} catch {
  // Linux only, and not in every container.
}

const watch = new URL(`./parent-watch${extname(import.meta.filename)}`, import.meta.url);
// It needs next to nothing; V8 would take more for a thread of unknown purpose.
const resourceLimits = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 };
// Without it the process works all the same.
new Worker(watch, { workerData: process.ppid, resourceLimits }).on('error', () => undefined);

await serveFrames(frameDescriptor, openSession);
// The handlers of signals keep nothing alive, but threads of a provider may.
process.exit(0);
