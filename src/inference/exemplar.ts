import type { Front } from './front.ts';

/** A recorded request that stands for those of its bucket: where to look when many take as long. */
export interface Exemplar {
  readonly model: string;
  readonly version: string;
  readonly front: Front;
  /** From the last byte of the request to its answer. */
  readonly ms: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly epochMs: number;
}
