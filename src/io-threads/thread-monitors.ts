import type { ModelSpec } from '../inference/model-spec.ts';
import type { Monitor } from '../inference/monitoring.ts';
import { RequestSampler, type Sighting } from '../quality/request-sampler.ts';
import type { Clock } from '../util/clock.ts';
import type { ThreadSightings } from './messages.ts';

/** Bounds of what waits for the main thread: some ten megabytes, and many times what comes between two of its visits. */
const mostSightings = 20_000;
const mostNumbers = 1_000_000;

interface Counts {
  failures: number;
  dropped: number;
  problem: string;
}

/** Looks at requests on an I/O thread, and keeps what it saw until the main thread, which counts all of it, asks for it. */
export class ThreadMonitors {
  readonly #clock: Clock;
  readonly #share: number;
  #waiting: { readonly id: number; readonly sighting: Sighting }[] = [];
  #numbers = 0;
  readonly #counts = new Map<number, Counts>();

  /** @param threads that divide the rows among themselves. */
  constructor(clock: Clock, threads: number) {
    this.#clock = clock;
    this.#share = 1 / threads;
  }

  /** undefined for a model that is not watched. @param id of its sessions. */
  create(id: number, spec: ModelSpec): Monitor | undefined {
    const plan = spec.features?.monitoring;
    if (plan === undefined) return undefined;
    return new RequestSampler(spec, plan, {
      clock: this.#clock,
      share: this.#share,
      onSighting: (sighting) => this.#keep(id, sighting),
      onFailure: (error) => {
        const counts = this.#countsOf(id);
        counts.failures++;
        counts.problem = String(error);
      },
    });
  }

  /** What was seen since the last call. */
  take(): ThreadSightings {
    const sightings = this.#waiting;
    const unread = Array.from(this.#counts, ([id, counts]) => ({ id, ...counts }));
    this.#waiting = [];
    this.#numbers = 0;
    this.#counts.clear();
    return { sightings, unread };
  }

  #keep(id: number, sighting: Sighting): void {
    const numbers = this.#numbers + sighting.numbers.length;
    if (this.#waiting.length >= mostSightings || numbers > mostNumbers) {
      this.#countsOf(id).dropped++;
      return;
    }
    this.#numbers = numbers;
    this.#waiting.push({ id, sighting });
  }

  #countsOf(id: number): Counts {
    const found = this.#counts.get(id) ?? { failures: 0, dropped: 0, problem: '' };
    this.#counts.set(id, found);
    return found;
  }
}
