import { z } from 'zod';
import { KeptPrediction } from './kept-predictions.ts';
import type { Prediction } from './prediction.ts';
import type { StoredPrediction } from './quality-store.ts';

/** JSON has no NaN: it is null there. */
export const real = z
  .number()
  .nullable()
  .transform((value) => value ?? Number.NaN);

const row = z.union([
  real.transform((value): Prediction => ({ kind: 'number', value })),
  z
    .tuple([z.string().max(256), real, z.array(real).max(64).nullable()])
    .transform(([value, confidence, probabilities]): Prediction => ({
      kind: 'class',
      value,
      confidence,
      probabilities: probabilities ?? undefined,
    })),
]);

const key = z.string().max(2048);
const rows = z.array(row).min(1).max(64);

/** A line about a prediction: `[key]` once it has its labels. */
const line = z.union([
  z.tuple([key]).transform(([of]): StoredPrediction => ({ kind: 'labelled', key: of })),
  z.tuple([key, z.number(), rows]).transform(([of, atMs, its]): StoredPrediction => ({
    kind: 'kept',
    prediction: new KeptPrediction(of, its, atMs),
  })),
]);

/** The time and the rows, and whether they have their labels. */
const value = z.tuple([z.number(), rows, z.boolean()]);

function rowsOf({ rows: its }: KeptPrediction): readonly unknown[] {
  return its.map((each) =>
    each.kind === 'number' ? each.value : [each.value, each.confidence, each.probabilities ?? null],
  );
}

export function lineOf(kept: KeptPrediction): string {
  return JSON.stringify([kept.key, kept.atMs, rowsOf(kept)]);
}

/** undefined for what is no such line. */
export function readLine(text: string): StoredPrediction | undefined {
  return parsed(text, line);
}

export function valueOf(kept: KeptPrediction): string {
  return JSON.stringify([kept.atMs, rowsOf(kept), kept.labelled]);
}

/** undefined for what is no such value. */
export function readValue(text: string, of: string): KeptPrediction | undefined {
  const found = parsed(text, value);
  if (found === undefined) return undefined;
  const [atMs, its, labelled] = found;
  const kept = new KeptPrediction(of, its, atMs);
  kept.labelled = labelled;
  return kept;
}

function parsed<Out>(text: string, schema: z.ZodType<Out>): Out | undefined {
  try {
    const result = schema.safeParse(JSON.parse(text));
    return result.success ? result.data : undefined;
  } catch {
    return undefined;
  }
}
