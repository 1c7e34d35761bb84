/** Where several servers keep bytes by names. What it gives back is checked by whoever asked. */
export interface ByteStore extends Disposable {
  /** False while there is no connection: nothing is to be asked then. */
  readonly ready: boolean;
  /** May reject, or never settle. null for a name that is not there. */
  get(name: string): Promise<Buffer | null>;
  /** May reject, or never settle. */
  set(name: string, value: Buffer, ttlMs: number): Promise<unknown>;
  ping(): Promise<unknown>;
}
