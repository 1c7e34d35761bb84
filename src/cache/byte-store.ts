/** Where several servers keep bytes by names. What it gives back is checked by whoever asked. */
export interface ByteStore extends Disposable {
  /** False while there is no connection: nothing is to be asked then. */
  readonly ready: boolean;
  /** May reject, or never settle. null for a name that is not there. */
  get(name: string): Promise<Buffer | null>;
  /** May reject, or never settle. */
  set(name: string, value: Buffer, ttlMs: number): Promise<unknown>;
  ping(): Promise<unknown>;
  /** Numbers by words, of a name of their own; no more than `most`. May reject, or never settle. */
  scores(name: string, most: number): Promise<ReadonlyMap<string, number>>;
  /** Sets a number unless it is higher already. Resolves with true; may reject, or never settle. */
  raise(name: string, word: string, score: number): Promise<true>;
  /** Adds to numbers by words, and keeps the highest. May reject, or never settle. */
  count(
    name: string,
    counts: ReadonlyMap<string, number>,
    limits: { readonly most: number; readonly ttlMs: number },
  ): Promise<unknown>;
  /** Words with the highest numbers, those first. May reject, or never settle. */
  highest(name: string, most: number): Promise<readonly string[]>;
  /** Calls `listener` each time there is a connection again, and now if there is one. One listener. */
  onReady(listener: () => void): void;
}
