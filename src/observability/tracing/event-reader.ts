import type { ErrorCode } from '../../errors.ts';
import type { CallTrace } from '../../inference/call-context.ts';
import type { Front } from '../../inference/front.ts';
import type { CallOutcome } from './call-outcome.ts';
import { eventKinds, type WrittenEvents } from './event-writer.ts';
import type { BeginEvent, EndEvent, RunEvent, SpanEvent } from './span-events.ts';

/** Reads what an `EventWriter` of the same process has written. */
export class EventReader {
  readonly #numbers: Float64Array;
  readonly #texts: readonly string[];
  /** Of texts that are JSON, parsed once. */
  readonly #objects = new Map<number, unknown>();
  #at = 0;

  constructor({ numbers, texts }: WrittenEvents) {
    this.#numbers = numbers;
    this.#texts = texts;
  }

  /** The next event; undefined after the last. */
  next(): SpanEvent | undefined {
    if (this.#at >= this.#numbers.length) return undefined;
    const kind = this.#number();
    if (kind === eventKinds.begin) return this.#begin();
    return kind === eventKinds.batch ? this.#batch() : this.#end();
  }

  #begin(): BeginEvent {
    const call = this.#number();
    const named = this.#object() as CallTrace;
    const kept = this.#number() === 1;
    const receivedAt = this.#number();
    const headers = Array.from({ length: this.#number() }, () => this.#text());
    return { kind: 'begin', call, named, kept, headers, receivedAt };
  }

  #batch(): RunEvent {
    const batch = {
      model: this.#text() ?? '',
      version: this.#text() ?? '',
      rows: this.#number(),
      requests: this.#number(),
      startedAt: this.#number(),
      endedAt: this.#number(),
      parts: this.#parts(),
      error: this.#text() as ErrorCode | undefined,
    };
    const length = this.#number();
    const calls = Array.from(this.#numbers.subarray(this.#at, this.#at + length));
    this.#at += length;
    return { kind: 'batch', batch, calls };
  }

  #parts(): RunEvent['batch']['parts'] {
    const parts = { inputMs: this.#number(), inferMs: this.#number(), outputMs: this.#number() };
    return Number.isNaN(parts.inputMs) ? undefined : parts;
  }

  #end(): EndEvent {
    const call = this.#number();
    const endedAt = this.#number();
    const outcome = this.#object() as CallOutcome;
    const [model, version, front] = [this.#text(), this.#text(), this.#text() as Front | undefined];
    const isAnswered = model !== undefined && version !== undefined && front !== undefined;
    return {
      kind: 'end',
      call,
      endedAt,
      outcome,
      answered: isAnswered ? { model, version, front } : undefined,
    };
  }

  #number(): number {
    const value = this.#numbers[this.#at];
    this.#at += 1;
    if (value === undefined) throw new Error('bug: events end in the middle of one');
    return value;
  }

  #text(): string | undefined {
    return this.#texts[this.#number()];
  }

  #object(): unknown {
    const index = this.#number();
    let value = this.#objects.get(index);
    if (value === undefined) {
      value = JSON.parse(this.#texts[index] ?? '');
      this.#objects.set(index, value);
    }
    return value;
  }
}
