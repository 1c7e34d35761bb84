import { BlockingFrames } from './blocking-frames.ts';
import { computeBatch } from './compute-batch.ts';
import type { BatchComputation } from './compute-batch.ts';
import { toLoadError } from './load-error.ts';
import { failedFrame, frameKinds, openedFrame, outputFrame, readSetup } from './process-frames.ts';
import { toRunError } from './run-error.ts';
import type { Session, openSession } from './session.ts';

/**
 * A session process's whole life: opens the session, then computes one batch per frame until told to close, or until the
 * server is gone. It sleeps in `read`, so its event loop does not turn between batches.
 *
 * @param descriptor of a blocking socket.
 * @param open is given by tests that want a process to misbehave.
 */
export async function serveFrames(descriptor: number, open: typeof openSession): Promise<void> {
  const frames = new BlockingFrames(descriptor);
  if (frames.next() !== frameKinds.setup) return;
  const { modelPath, options, oneThread } = readSetup(frames.body);
  let session: Session;
  try {
    session = await open(modelPath, options);
  } catch (thrown) {
    frames.write([failedFrame(toLoadError(thrown))]);
    return;
  }
  const { metadata, synchronous, openCpuMs } = session;
  frames.write([openedFrame({ kind: 'opened', metadata, synchronous, openCpuMs })]);
  const computation: BatchComputation = {
    session,
    oneThread,
    succeed: ({ outputs, inputMs, inferMs, cpuMs, computedAt }) => {
      const outputMs = performance.now() - computedAt;
      frames.write(outputFrame(outputs, { inputMs, inferMs, outputMs, cpuMs }));
    },
    fail: (thrown) => frames.write([failedFrame(toRunError(thrown))]),
  };
  while (frames.next() === frameKinds.batch) {
    const pending = computeBatch(computation, frames.body.buffer);
    if (pending !== undefined) await pending;
  }
  await session[Symbol.asyncDispose]();
}
