import type { BeginEvent, EndEvent, RunEvent, SpanEvent } from './span-events.ts';

/** Events as they go from thread to thread. */
export interface WrittenEvents {
  readonly numbers: Float64Array;
  /** What the numbers refer to: strings, and objects as JSON. */
  readonly texts: readonly string[];
}

/** The first number of each event. */
export const eventKinds = { begin: 0, batch: 1, end: 2 } as const;

/** Stands for a text where there is none. */
const noText = -1;

const firstNumbers = 4096;

/** Of some hundred and seventy calls: a message costs some tens of microseconds. */
const fullEvents = 512;

/** Headers of callers may be long, and each is its own. */
const fullTextChars = 65_536;

/**
 * Writes events down as numbers, of which a recorded call takes some thirty, and each text once: JSON of them takes more than twice
 * as long, and they would have to live until they are sent. What is taken says all by itself.
 */
export class EventWriter {
  #numbers = new Float64Array(firstNumbers);
  #length = 0;
  #texts: string[] = [];
  #textChars = 0;
  readonly #known = new Map<string | object, number>();
  #events = 0;
  #ended = 0;

  /** Events that have been written and not taken. */
  get events(): number {
    return this.#events;
  }

  /** They are to be sent. */
  get isFull(): boolean {
    return this.#events >= fullEvents || this.#textChars >= fullTextChars;
  }

  /** Ends of calls among them. */
  get ended(): number {
    return this.#ended;
  }

  write(event: SpanEvent): void {
    this.#events += 1;
    switch (event.kind) {
      case 'begin':
        this.#begin(event);
        break;
      case 'batch':
        this.#batch(event);
        break;
      case 'end': {
        this.#ended += 1;
        this.#end(event);
      }
    }
  }

  take(): WrittenEvents {
    const written = { numbers: this.#numbers.slice(0, this.#length), texts: this.#texts };
    this.clear();
    return written;
  }

  clear(): void {
    this.#length = 0;
    this.#texts = [];
    this.#textChars = 0;
    this.#known.clear();
    this.#events = 0;
    this.#ended = 0;
  }

  #begin({ call, named, kept, headers, receivedAt }: BeginEvent): void {
    this.#put(eventKinds.begin);
    this.#put(call);
    this.#put(this.#object(named));
    this.#put(kept ? 1 : 0);
    this.#put(receivedAt);
    this.#put(headers.length);
    for (const header of headers) this.#put(this.#text(header));
  }

  #batch({ batch, calls }: RunEvent): void {
    const { parts } = batch;
    this.#put(eventKinds.batch);
    this.#put(this.#text(batch.model));
    this.#put(this.#text(batch.version));
    this.#put(batch.rows);
    this.#put(batch.requests);
    this.#put(batch.startedAt);
    this.#put(batch.endedAt);
    this.#put(parts?.inputMs ?? NaN);
    this.#put(parts?.inferMs ?? NaN);
    this.#put(parts?.outputMs ?? NaN);
    this.#put(this.#text(batch.error));
    this.#put(calls.length);
    for (const number of calls) this.#put(number);
  }

  #end({ call, endedAt, outcome, answered }: EndEvent): void {
    this.#put(eventKinds.end);
    this.#put(call);
    this.#put(endedAt);
    this.#put(this.#object(outcome));
    this.#put(this.#text(answered?.model));
    this.#put(this.#text(answered?.version));
    this.#put(this.#text(answered?.front));
  }

  #put(value: number): void {
    if (this.#length === this.#numbers.length) {
      const longer = new Float64Array(2 * this.#length);
      longer.set(this.#numbers);
      this.#numbers = longer;
    }
    this.#numbers[this.#length] = value;
    this.#length += 1;
  }

  #text(text: string | undefined): number {
    if (text === undefined) return noText;
    return this.#known.get(text) ?? this.#learn(text);
  }

  /** Most calls are called and answered alike, by the same objects. */
  #object(value: object): number {
    const known = this.#known.get(value);
    if (known !== undefined) return known;
    const index = this.#text(JSON.stringify(value));
    this.#known.set(value, index);
    return index;
  }

  #learn(text: string): number {
    const index = this.#texts.push(text) - 1;
    this.#textChars += text.length;
    this.#known.set(text, index);
    return index;
  }
}
