import { writeFileSync } from 'node:fs';
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

await serveFrames(frameDescriptor, openSession);
// The handlers of signals keep nothing alive, but threads of a provider may.
process.exit(0);
