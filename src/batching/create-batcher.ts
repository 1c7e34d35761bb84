import type { Batcher } from './batcher.ts';
import { inspectQueue } from './inspect.ts';
import type { BatcherInspection } from './inspection.ts';
import type { BatcherOptions } from './options.ts';
import { Scheduler } from './scheduler.ts';

/** The batcher of one I/O thread, over all its targets. Starts nothing until the first request. */
export function createBatcher(options: BatcherOptions): Batcher & BatcherInspection {
  const scheduler = new Scheduler(options);
  return {
    submit: (target, request, call) => scheduler.submit(target, request, call),
    drained: (target) => scheduler.drained(target),
    inspect: () => Array.from(scheduler.queues(), (queue) => inspectQueue(queue, options.clock.now())),
    exportCosts: () => scheduler.costs.export(),
    importCosts: (snapshots) => scheduler.costs.import(snapshots),
    switchBatchingOff: (target, reason) => {
      scheduler.queueOf(target).batchingOffReason = reason;
    },
  };
}
