import { z } from 'zod';
import { embedding } from './profile.ts';
import { real } from './stored-prediction.ts';

const count = z.number().nonnegative();
const numbers = z.array(z.number()).max(1024).readonly();

const window = z.strictObject({
  fromMs: z.number(),
  toMs: z.number(),
  rows: count,
  effectiveRows: count,
  discrepancy: real,
  shift: real,
  pValue: real,
  exceeds: z.boolean(),
  inARow: count,
  drifted: z.boolean(),
});

/** What is known of a tensor of vectors once it has a reference. */
export const storedEmbedding = z.strictObject({
  profile: embedding,
  from: z.number(),
  inARow: count,
  shifts: z.array(real).max(100).readonly(),
  last: window.optional(),
  sampleEvery: z.int().positive(),
  sample: z.array(numbers).max(256).readonly(),
  /** Left out where another server goes on with it. */
  means: z
    .strictObject({
      blockRows: z.int().positive(),
      openRows: z.int().nonnegative(),
      sums: z.array(numbers).max(32).readonly(),
    })
    .optional(),
});

export type StoredEmbedding = z.output<typeof storedEmbedding>;
