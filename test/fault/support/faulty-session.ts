import { openSession as openReal, type Session } from '../../../src/execution/session.ts';
import type { NativeOptions } from '../../../src/execution/native-binding.ts';

/** Values of a row of the model `hold` that make a thread fail as a fault of the server would. */
const crash = -1001n;
const throws = -1002n;

/** As the real one, but for batches that hold one of these values. */
export async function openSession(modelPath: string, options: NativeOptions): Promise<Session> {
  const session = await openReal(modelPath, options);
  return {
    ...session,
    compute(feeds, fetches) {
      const data: unknown = feeds['x']?.data;
      if (!(data instanceof BigInt64Array)) return session.compute(feeds, fetches);
      if (data.includes(throws))
        throw new Error('CUDA failure 700: an illegal memory access was encountered');
      if (!data.includes(crash)) return session.compute(feeds, fetches);
      setImmediate(() => {
        throw new Error('crashed as the test wants');
      });
      return new Promise(() => undefined);
    },
  };
}
