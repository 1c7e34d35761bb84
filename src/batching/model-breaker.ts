import { ServingError } from '../errors.ts';
import type { BreakerReading, BreakerStateName } from '../inference/breaker.ts';
import type { Batch } from '../inference/executor.ts';
import type { BreakerLimits, BreakerOutcome, BreakerState } from '../util/breaker-policy.ts';
import type { Clock } from '../util/clock.ts';
import type { Slot } from './slot.ts';
import type { TargetQueue } from './target-queue.ts';

/**
 * Half of at least twenty batches, so that a few bad ones do not stop a model; three lost or hung executors, because each costs
 * a reload; five seconds, which outlast most shortages.
 */
export const modelBreakerLimits: BreakerLimits = {
  windowMs: 30_000,
  windowOutcomes: 100,
  fewestOutcomes: 20,
  failureRatio: 0.5,
  fatalFailures: 3,
  openMs: 5_000,
  longestOpenMs: 60_000,
};

/** Reason of the error with which an executor gives up a run that does not end. */
export const hungReason = 'EXECUTOR_HUNG';

/** What a failed run says of the model version: nothing, where the input or the caller is at fault. */
export function outcomeOfFailure({ code, reason }: ServingError): BreakerOutcome {
  if (code === 'unavailable') return reason === 'EXECUTOR_BUSY' ? 'neutral' : 'fatal';
  return code === 'internal' ? 'failure' : 'neutral';
}

/** Whether a run that hangs leaves the model without an executor that works or can work. */
export function lastOneHangs(queue: TargetQueue, hung: Slot): boolean {
  return queue.slots.every((slot) => slot === hung || !slot.works);
}

/** As long as warming up waits for a run, which a sample repeats. */
const sampleLimitMs = 120_000;

/**
 * Runs the sample of a model that nothing else runs on, as soon as an executor can.
 *
 * @returns whether requests may be tried: the model works, or there is no sample to tell.
 */
export async function trySample(queue: TargetQueue, clock: Clock): Promise<boolean> {
  for (;;) {
    const slot = queue.slots.find(({ executor }) => executor.idle);
    if (slot !== undefined) return runSample(slot, queue.target.sample, clock);
    queue.sampleWaits = Promise.withResolvers();
    await queue.sampleWaits.promise;
    queue.sampleWaits = undefined;
  }
}

async function runSample(slot: Slot, sample: Batch | undefined, clock: Clock): Promise<boolean> {
  if (sample === undefined) return true;
  const { executor } = slot;
  using _limit = clock.after(sampleLimitMs, () => executor.abandon?.());
  try {
    await executor.run(sample);
    slot.prove();
    return true;
  } catch (thrown) {
    return outcomeOfFailure(ServingError.from(thrown)) === 'neutral';
  }
}

const names = { closed: 'closed', 'half-open': 'half_open', open: 'open' } as const satisfies Record<
  BreakerState['kind'],
  BreakerStateName
>;

export function readBreaker({ breaker, breakerCause, hungRuns }: TargetQueue, nowMs: number): BreakerReading {
  const { state, opened } = breaker;
  return {
    state: names[state.kind],
    cause: breakerCause,
    opened,
    opensForMs: state.kind === 'open' ? Math.max(0, state.until - nowMs) : 0,
    hungRuns,
  };
}
