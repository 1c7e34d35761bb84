import { z } from 'zod';
import { fourierFeatures } from '../statistics/fourier-features.ts';
import { maxFeatures, maxVectorWidth, profileFormat } from './profile-format.ts';

/** Bins of numbers between the least and the greatest value: quantiles, so that each is equally likely. */
export const quantileBins = 20;

/** Categories that are counted by name; others are counted together. */
export const maxCategories = 50;

const count = z.number().nonnegative();
const shared = { name: z.string().max(256), missing: count };

const numberFeature = z
  .strictObject({
    ...shared,
    kind: z.literal('number'),
    /** Ascending: the first and the last are the least and the greatest value of the reference. */
    edges: z.array(z.number()).min(2).max(1000),
    /** Below the first edge, between each two, and above the last. */
    counts: z.array(count),
    mean: z.number(),
    deviation: z.number().nonnegative(),
  })
  .refine(({ edges, counts }) => counts.length === edges.length + 1, 'needs one count more than edges')
  .refine(
    ({ edges }) => edges.every((edge, i) => i === 0 || edge > (edges[i - 1] ?? edge)),
    'edges must ascend',
  );

const categoryFeature = z
  .strictObject({
    ...shared,
    kind: z.literal('category'),
    values: z.array(z.string().max(256)).max(1000),
    /** Of each value, and of all others together. */
    counts: z.array(count),
  })
  .refine(({ values, counts }) => counts.length === values.length + 1, 'needs one count more than values');

export const feature = z.union([numberFeature, categoryFeature]);

/** Vectors as wholes: the mean of what random Fourier features map them to, and how far it is to be trusted. */
export const embedding = z.strictObject({
  name: z.string().max(256),
  width: z.int().min(1).max(maxVectorWidth),
  seed: z.int(),
  bandwidth: z.number().positive(),
  rows: count,
  mean: z.array(z.number()).length(fourierFeatures).readonly(),
  variance: z.number().nonnegative(),
});

export const profileSchema = z.strictObject({
  format: z.literal(profileFormat),
  features: z.array(feature).max(maxFeatures),
  embeddings: z.array(embedding).max(100).readonly().optional(),
});

export type Profile = z.output<typeof profileSchema>;
export type EmbeddingProfile = Readonly<z.output<typeof embedding>>;

export type NumberProfile = Readonly<z.output<typeof numberFeature>>;
export type CategoryProfile = Readonly<z.output<typeof categoryFeature>>;
export type FeatureProfile = NumberProfile | CategoryProfile;

/** The counts of a reference and how many values there were, missing ones apart. */
export function referenceCount({ counts }: FeatureProfile): number {
  return counts.reduce((sum, bin) => sum + bin, 0);
}

/** What is counted in each bin, for people. */
export function binLabels(profile: FeatureProfile): readonly string[] {
  if (profile.kind === 'category') return [...profile.values, 'others'];
  const { edges, counts } = profile;
  const shown = (edge: number | undefined): string => `${Number((edge ?? 0).toPrecision(4))}`;
  return counts.map((_, bin) => {
    if (bin === 0) return `below ${shown(edges[0])}`;
    return bin === edges.length
      ? `above ${shown(edges.at(-1))}`
      : `${shown(edges[bin - 1])} to ${shown(edges[bin])}`;
  });
}
