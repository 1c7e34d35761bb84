import type { FromModule, ToModule } from './messages.ts';
import { ChildLoop } from './child-loop.ts';
import { watchParent } from './watch-parent.ts';

watchParent();

const loop = new ChildLoop({
  heldBytes: () => process.memoryUsage.rss(),
  send: (message: FromModule) => {
    process.send?.(message);
  },
});

// What ends the server by a signal from a terminal reaches all of its processes: the server still finishes its requests.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
process.on('disconnect', () => process.exit());
process.on('message', (message: ToModule) => void loop.take(message));
