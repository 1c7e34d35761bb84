import type { BatchedCall, BatchRun } from '../../inference/batch-channel.ts';
import type { CallContext, CallTrace } from '../../inference/call-context.ts';
import type { Front } from '../../inference/front.ts';
import type { Clock } from '../../util/clock.ts';
import { Allowance } from './allowance.ts';
import type { CallOutcome } from './call-outcome.ts';
import type { RootChoice } from './root-choice.ts';
import { SlowCalls } from './slow-calls.ts';
import type { BatchEvent, SpanEvent } from './span-events.ts';

/** Of errors and slow calls that were not chosen, together: more say nothing new, and overload is no time for them. */
const keptPerSecond = 20;

const wallClockSlackMs = 50;

/** A call that is recorded. */
export class RecordedCall implements CallTrace {
  readonly name: string;
  readonly attributes: CallTrace['attributes'];
  readonly number: number;
  readonly front: Front;
  /** Which version runs it; undefined until its batch has run, and for streams and ensembles. */
  version: Pick<BatchRun, 'model' | 'version'> | undefined = undefined;

  constructor({ name, attributes }: CallTrace, number: number, front: Front) {
    this.name = name;
    this.attributes = attributes;
    this.number = number;
    this.front = front;
  }
}

export interface RecordedCallsOptions {
  readonly clock: Pick<Clock, 'now' | 'epochMs'>;
  /** Names of the headers that carry contexts. */
  readonly headers: readonly string[];
  /** undefined leaves the choice to whoever makes spans. */
  readonly choice: Pick<RootChoice, 'wants'> | undefined;
  readonly tell: (event: SpanEvent) => void;
}

/**
 * Chooses calls, and tells what happens to those that are recorded. The others cost a look at their headers, a random number,
 * and a comparison when their batch has run.
 */
export class RecordedCalls {
  readonly #options: RecordedCallsOptions;
  readonly #slow = new Map<string, SlowCalls>();
  readonly #keep = new Allowance(keptPerSecond);
  #lastNumber = 0;
  #epochOffsetMs: number;

  constructor(options: RecordedCallsOptions) {
    this.#options = options;
    this.#epochOffsetMs = options.clock.epochMs() - options.clock.now();
  }

  /** Whether a call is to be recorded from its beginning. One that is not is still kept when it is slow or fails. */
  wants(call: CallContext, named: CallTrace): boolean {
    const { choice } = this.#options;
    if (choice === undefined || choice.wants(call)) return true;
    call.trace = named;
    return false;
  }

  begin(call: CallContext, named: CallTrace): RecordedCall {
    return this.#begin(call, named, false);
  }

  end(recorded: RecordedCall, outcome: CallOutcome): void {
    this.#end(recorded, this.#options.clock.now(), outcome);
  }

  /** A call failed that may not be recorded. */
  failed(call: CallContext, outcome: CallOutcome): void {
    const { trace } = call;
    if (!outcome.failed || trace === undefined || trace instanceof RecordedCall) return;
    const now = this.#options.clock.now();
    if (!this.#keep.take(now)) return;
    this.#end(this.#begin(call, trace, true), now, outcome);
  }

  addBatch(run: BatchRun): void {
    const { calls } = run;
    const slow = this.#slowCallsOf(run);
    let recorded: number[] | undefined;
    let kept: RecordedCall[] | undefined;
    for (let at = 0; at < calls.length; at++) {
      const batched = calls[at];
      if (batched === undefined) continue;
      let trace = batched.call.trace;
      if (batched.call.origin !== undefined) trace = recordedOrigin(batched.call);
      else if (slow.isSlow(run.endedAt - batched.call.receivedAt) && !(trace instanceof RecordedCall)) {
        trace = this.#keepSlow(batched, run);
        if (trace instanceof RecordedCall) (kept ??= []).push(trace);
      }
      if (trace instanceof RecordedCall) {
        if (batched.call.origin === undefined) trace.version = run;
        (recorded ??= []).push(trace.number, this.#epochMs(batched.queuedAt));
      }
    }
    if (recorded === undefined) return;
    this.#options.tell({ kind: 'batch', batch: this.#batchEvent(run), calls: recorded });
    for (const call of kept ?? []) this.#end(call, run.endedAt, answered);
  }

  /** Where its batch failed, the failure is kept by itself. */
  #keepSlow({ call }: BatchedCall, run: BatchRun): RecordedCall | undefined {
    if (call.trace === undefined || run.error !== undefined || !this.#keep.take(run.endedAt))
      return undefined;
    return this.#begin(call, call.trace, true);
  }

  #begin(call: CallContext, named: CallTrace, kept: boolean): RecordedCall {
    this.#followWallClock();
    const { tell, headers } = this.#options;
    const header = call.header ?? noHeader;
    const recorded = new RecordedCall(named, (this.#lastNumber += 1), call.front);
    call.trace = recorded;
    tell({
      kind: 'begin',
      call: recorded.number,
      named,
      kept,
      headers: headers.map((name) => header(name)),
      receivedAt: this.#epochMs(call.receivedAt),
    });
    return recorded;
  }

  #end({ number, version, front }: RecordedCall, at: number, outcome: CallOutcome): void {
    const wasAnswered = version !== undefined && outcome.attributes['error.type'] === undefined;
    const answered = wasAnswered ? { model: version.model, version: version.version, front } : undefined;
    this.#options.tell({ kind: 'end', call: number, endedAt: this.#epochMs(at), outcome, answered });
  }

  #batchEvent({ model, version, rows, calls, parts, error, startedAt, endedAt }: BatchRun): BatchEvent {
    return {
      model,
      version,
      rows,
      requests: calls.length,
      startedAt: this.#epochMs(startedAt),
      endedAt: this.#epochMs(endedAt),
      parts,
      error: error?.code,
    };
  }

  #slowCallsOf({ model }: BatchRun): SlowCalls {
    let slow = this.#slow.get(model);
    if (slow === undefined) {
      slow = new SlowCalls();
      this.#slow.set(model, slow);
    }
    return slow;
  }

  #epochMs(at: number): number {
    return this.#epochOffsetMs + at;
  }

  /** The wall clock has whole milliseconds, and may be set: spans of one trace must not jump with it. */
  #followWallClock(): void {
    const { clock } = this.#options;
    const offsetMs = clock.epochMs() - clock.now();
    if (Math.abs(offsetMs - this.#epochOffsetMs) > wallClockSlackMs) this.#epochOffsetMs = offsetMs;
  }
}

const answered: CallOutcome = { attributes: { 'tensorgate.kept': 'slow' }, failed: false };

const noHeader = (): undefined => undefined;

/** A step of an ensemble in a stream is two levels below its stream. */
function recordedOrigin(call: CallContext): RecordedCall | undefined {
  for (let at: CallContext | undefined = call; at !== undefined; at = at.origin) {
    if (at.trace instanceof RecordedCall) return at.trace;
  }
  return undefined;
}
