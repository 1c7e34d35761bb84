import type { Session } from '../../../src/execution/session.ts';
import type { NativeOptions } from '../../../src/execution/native-binding.ts';
import { openSession as openHeld } from '../../support/held-session.ts';

/**
 * Values of a row of the model `hold` that make a thread or process fail as a fault of the server would; after `breaks` every run
 * of that session fails, also those that are to find out whether it works again.
 */
export const faults = {
  crash: -1001,
  throws: -1002,
  abort: -1003,
  exhaust: -1004,
  hang: -1005,
  breaks: -1006,
} as const;

/** As one whose runs can be held, but for batches that hold one of these values. */
export async function openSession(modelPath: string, options: NativeOptions): Promise<Session> {
  const session = await openHeld(modelPath, options);
  let broken = false;
  return {
    ...session,
    compute(feeds, fetches) {
      const data: unknown = feeds['x']?.data;
      if (!(data instanceof BigInt64Array)) return session.compute(feeds, fetches);
      const has = (value: number) => data.includes(BigInt(value));
      broken ||= has(faults.breaks);
      if (broken || has(faults.throws))
        throw new Error('CUDA failure 700: an illegal memory access was encountered');
      if (has(faults.abort)) process.abort();
      if (has(faults.exhaust)) exhaust();
      if (has(faults.hang)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
      if (!has(faults.crash)) return session.compute(feeds, fetches);
      setImmediate(() => {
        throw new Error('crashed as the test wants');
      });
      return new Promise(() => undefined);
    },
  };
}

/** Takes memory until there is none: V8 ends the process then. */
function exhaust(): never {
  const kept: unknown[] = [];
  for (;;) kept.push(Array<number>(30_000_000).fill(1.5));
}
