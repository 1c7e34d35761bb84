import { FailureLog } from '../../src/execution/failure-log.ts';
import { InlineExecutor } from '../../src/execution/inline-executor.ts';
import type { Feeds, Session } from '../../src/execution/session.ts';
import { silentLogger } from '../../src/inference/logger.ts';
import type { FakeClock } from './fake-clock.ts';

/** A session of one input `x` and one output `y`, which echoes the input's bytes as UINT8. */
export class FakeSession implements Session {
  readonly metadata = {
    inputs: [{ name: 'x', datatype: 'FP32', shape: ['batch', 16] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: ['batch', 16] }],
  } as const;
  readonly synchronous = true;
  readonly openCpuMs = 0;
  /** The bytes behind each input that was made, in order. */
  readonly made: Uint8Array[] = [];
  closed = 0;
  onCompute: () => void = () => undefined;

  input(_name: string, _datatype: string, shape: readonly number[], bytes: Uint8Array): Feeds[string] {
    this.made.push(bytes);
    return echoValue(bytes, shape);
  }

  compute(feeds: Feeds): Feeds {
    this.onCompute();
    const { x } = feeds;
    return x === undefined ? {} : { y: x };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.closed += 1;
  }
}

/** An inline executor over a fake session whose runs take as long as `costMs` says, by the fake clock. */
export function inlineExecutorTaking(clock: FakeClock, costMs: () => number): InlineExecutor {
  const session = new FakeSession();
  session.onCompute = () => clock.advance(costMs());
  return new InlineExecutor(session, clock, new FailureLog(silentLogger, clock, 'm'));
}

function echoValue(bytes: Uint8Array, shape: readonly number[]): Feeds[string] {
  const value: unknown = { type: 'uint8', data: bytes, dims: shape };
  return value as Feeds[string];
}
