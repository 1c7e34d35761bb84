import type { ByteStore } from '../../src/cache/byte-store.ts';

/** A store whose answers and moods the test decides. */
export class PuppetStore implements ByteStore {
  ready = true;
  readonly values = new Map<string, Buffer>();
  readonly counted = new Map<string, Map<string, number>>();
  readonly numbers = new Map<string, number>();
  /** Says that there is a connection. */
  connect: () => void = () => undefined;
  readonly asked: string[] = [];
  /** `hung` never answers. */
  mood: 'well' | 'failing' | 'hung' = 'well';
  closed = false;

  get(name: string): Promise<Buffer | null> {
    this.asked.push(name);
    return this.#answer(() => this.values.get(name) ?? null);
  }

  set(name: string, value: Buffer): Promise<void> {
    return this.#answer(() => {
      this.values.set(name, value);
    });
  }

  ping(): Promise<void> {
    return this.#answer(() => undefined);
  }

  scores(): Promise<ReadonlyMap<string, number>> {
    return this.#answer(() => new Map(this.numbers));
  }

  raise(_name: string, word: string, score: number): Promise<true> {
    return this.#answer(() => {
      this.numbers.set(word, Math.max(score, this.numbers.get(word) ?? 0));
      return true;
    });
  }

  count(name: string, counts: ReadonlyMap<string, number>): Promise<void> {
    return this.#answer(() => {
      const known = this.counted.get(name) ?? new Map<string, number>();
      for (const [word, count] of counts) known.set(word, (known.get(word) ?? 0) + count);
      this.counted.set(name, known);
    });
  }

  highest(name: string): Promise<readonly string[]> {
    return this.#answer(() => {
      const known = [...(this.counted.get(name) ?? [])];
      return known.toSorted(([, one], [, other]) => other - one).map(([word]) => word);
    });
  }

  onReady(listener: () => void): void {
    this.connect = listener;
    if (this.ready) listener();
  }

  [Symbol.dispose](): void {
    this.closed = true;
  }

  #answer<T>(what: () => T): Promise<T> {
    if (this.mood === 'hung') return new Promise(() => undefined);
    return this.mood === 'failing' ? Promise.reject(new Error('READONLY')) : Promise.resolve(what());
  }
}
