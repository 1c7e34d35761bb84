/** Requests whose arms are kept in each thread, for each rollout that asks for reported metrics: some 20 MB with ids of 40 characters. */
const mostKept = 100_000;

/** Longer ids are not kept: what clients send must not fill the memory. */
const mostCharacters = 256;

interface KeptArm {
  readonly key: string;
  readonly arm: string;
  /** Metrics whose value has come. */
  reported: readonly string[];
}

export type Claim = { readonly arm: string } | 'unknown' | 'repeated';

/**
 * Which arm a request met, until so many others have come. By who asked as well as by id, so that nobody can report, or push out
 * of the way, what others asked by guessing their ids.
 */
export class KeptArms {
  readonly #most: number;
  readonly #byKey = new Map<string, KeptArm>();
  /** In the order in which they came; the next one takes the place of the oldest. */
  readonly #ring: KeptArm[] = [];
  #next = 0;

  constructor(most = mostKept) {
    this.#most = most;
  }

  /** The newest of equal ids counts. */
  keep(principal: string, id: string, arm: string): void {
    if (id.length > mostCharacters) return;
    const oldest = this.#ring[this.#next];
    if (oldest !== undefined && this.#byKey.get(oldest.key) === oldest) this.#byKey.delete(oldest.key);
    const kept = { key: keyOf(principal, id), arm, reported: [] };
    this.#ring[this.#next] = kept;
    this.#next = (this.#next + 1) % this.#most;
    this.#byKey.set(kept.key, kept);
  }

  /** The arm of a request whose metric has no value yet, which it has from now on. */
  claim(principal: string, id: string, metric: string): Claim {
    const kept = this.#byKey.get(keyOf(principal, id));
    if (kept === undefined) return 'unknown';
    if (kept.reported.includes(metric)) return 'repeated';
    kept.reported = [...kept.reported, metric];
    return { arm: kept.arm };
  }
}

function keyOf(principal: string, id: string): string {
  return `${principal}\0${id}`;
}
