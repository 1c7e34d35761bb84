import { frameDescriptor } from '../../src/execution/process-frames.ts';
import { serveFrames } from '../../src/execution/process-loop.ts';

/** A session process that native code aborts while the model is opened. */
await serveFrames(frameDescriptor, () => process.abort());
