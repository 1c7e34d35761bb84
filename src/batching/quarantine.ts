import { createHash } from 'node:crypto';
import type { InferRequest } from '../inference/request.ts';

/** So many executors may one and the same request cost: one may have been lost by chance. */
const allowedLosses = 1;

/** Long enough for whoever sends it again and again to be found; then it is tried anew. */
const keptMs = 600_000;

const mostSuspects = 64;

interface Suspect {
  readonly sizeBytes: number;
  losses: number;
  until: number;
}

/**
 * Requests that cost executors while they ran alone, known by what they hold. Only requests as large as a guilty one are
 * hashed, and none while there is no guilty one.
 */
export class Quarantine {
  /** How many requests are refused now; to be read before anything is asked. */
  guilty = 0;
  readonly #suspects = new Map<string, Suspect>();

  /** An executor was lost, or hung, with this request alone. */
  add(request: InferRequest, sizeBytes: number, nowMs: number): void {
    this.#forget(nowMs);
    const key = fingerprint(request);
    const suspect = this.#suspects.get(key) ?? { sizeBytes, losses: 0, until: 0 };
    suspect.losses += 1;
    suspect.until = nowMs + keptMs;
    this.#suspects.delete(key);
    this.#suspects.set(key, suspect);
    if (this.#suspects.size > mostSuspects) {
      const [oldest = ''] = this.#suspects.keys();
      this.#suspects.delete(oldest);
    }
    this.#count();
  }

  /** Whether a request is not to be run again. */
  holds(request: InferRequest, sizeBytes: number, nowMs: number): boolean {
    this.#forget(nowMs);
    for (const suspect of this.#suspects.values()) {
      if (suspect.sizeBytes !== sizeBytes || suspect.losses <= allowedLosses) continue;
      return (this.#suspects.get(fingerprint(request))?.losses ?? 0) > allowedLosses;
    }
    return false;
  }

  /** The oldest come first. */
  #forget(nowMs: number): void {
    for (const [key, { until }] of this.#suspects) {
      if (until > nowMs) break;
      this.#suspects.delete(key);
    }
    this.#count();
  }

  #count(): void {
    this.guilty = 0;
    for (const { losses } of this.#suspects.values()) if (losses > allowedLosses) this.guilty += 1;
  }
}

function fingerprint({ inputs }: InferRequest): string {
  const hash = createHash('sha256');
  for (const { name, datatype, shape, data } of inputs) {
    hash.update(`${name.length}:${name}${datatype}[${shape.join()}]${data.byteLength}\n`).update(data);
  }
  return hash.digest('latin1');
}
