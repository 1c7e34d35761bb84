import type { Clock } from '../util/clock.ts';
import type { ByteStore } from './byte-store.ts';

/** One hit in so many is counted: what is found often is counted all the same. */
const countOneIn = 16;

const tellEveryMs = 10_000;

/** That are remembered of each model until they are told. */
const mostTold = 1000;

/** That the store keeps of each model. */
const mostKept = 1000;

/** As RequestKeys make them, in hexadecimal digits. */
const keyText = /^[0-9a-f]{32}$/;

export interface HotKeysOptions {
  readonly store: ByteStore;
  readonly clock: Clock;
  /** How long the store remembers a model's after they were told last. */
  readonly ttlMs: number;
}

/** Which answers are found most often, by all servers together, as far as one hit in sixteen tells. */
export class HotKeys implements Disposable {
  readonly #options: HotKeysOptions;
  /** By the name that the model's are kept under. */
  #untold = new Map<string, Map<string, number>>();
  #hits = 0;
  #timer: Disposable | undefined = undefined;

  constructor(options: HotKeysOptions) {
    this.#options = options;
  }

  /** An answer was found. @param name of the model's list, made only when it is counted. */
  found(key: string, name: () => string): void {
    this.#hits += 1;
    if (this.#hits % countOneIn !== 0) return;
    const own = name();
    let keys = this.#untold.get(own);
    if (keys === undefined) {
      keys = new Map();
      this.#untold.set(own, keys);
    }
    const text = Buffer.from(key, 'latin1').toString('hex');
    const known = keys.get(text);
    if (known === undefined && keys.size >= mostTold) return;
    keys.set(text, (known ?? 0) + 1);
    this.#timer ??= this.#options.clock.after(tellEveryMs, () => this.#tell());
  }

  /** Keys of one model, the most often found first. Rejects when the store does. */
  async hottest(name: string): Promise<readonly string[]> {
    const texts = await this.#options.store.highest(name, mostKept);
    return texts
      .filter((text) => keyText.test(text))
      .map((text) => Buffer.from(text, 'hex').toString('latin1'));
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  /** What the store does not take is forgotten. */
  #tell(): void {
    this.#timer = undefined;
    const { store, ttlMs } = this.#options;
    const untold = this.#untold;
    this.#untold = new Map();
    if (!store.ready) return;
    for (const [name, counts] of untold) {
      store.count(name, counts, { most: mostKept, ttlMs }).catch(() => undefined);
    }
  }
}
