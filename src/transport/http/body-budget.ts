import { ServingError } from '../../errors.ts';

/**
 * Bytes of bodies that all connections of a server hold together, from their arrival until the reply has been written.
 * The limit of one body does not bound them.
 */
export class BodyBudget {
  readonly #limitBytes: number;
  #heldBytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** @throws resource_exhausted when others hold too much. */
  take(sizeBytes: number): void {
    if (this.#heldBytes + sizeBytes > this.#limitBytes) {
      throw new ServingError('resource_exhausted', 'server is holding as many request bytes as it may', {
        reason: 'MEMORY_BUDGET',
        retryAfterMs: 100,
      });
    }
    this.#heldBytes += sizeBytes;
  }

  release(sizeBytes: number): void {
    this.#heldBytes -= sizeBytes;
  }
}
