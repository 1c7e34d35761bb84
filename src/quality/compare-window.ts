import { testIndependence } from '../statistics/chi-square.ts';
import { benjaminiHochberg } from '../statistics/corrections.ts';
import { jensenShannonDistance, stabilityIndex, stabilityIndexBias } from '../statistics/divergence.ts';
import { binnedDistance, distancePValue } from '../statistics/kolmogorov-smirnov.ts';
import { wassersteinDistance } from '../statistics/wasserstein.ts';
import type { FeatureCounts } from './feature-window.ts';
import { binLabels, referenceCount, type FeatureProfile, type NumberProfile } from './profile.ts';

/** What has to be exceeded for a change to matter; a change that matters may still be chance. */
const effectLimits = { stabilityIndex: 0.2, distance: 0.1, missingShare: 0.05 } as const;

/** After correction for the number of features. */
export const significance = 0.01;

/** How one window of a feature differs from the reference. */
export interface FeatureComparison {
  readonly name: string;
  readonly kind: FeatureProfile['kind'];
  readonly values: number;
  /** Of how many independent values the window is worth. */
  readonly effectiveValues: number;
  /** Without what it is on average where nothing has changed; at least 0. */
  readonly stabilityIndex: number;
  readonly jensenShannon: number;
  /** Kolmogorov and Smirnov's D; of categories half the sum of all differences of shares. */
  readonly distance: number;
  /** In standard deviations of the reference; NaN for categories. */
  readonly wasserstein: number;
  readonly missingShare: number;
  readonly missingShareOfReference: number;
  readonly mean: number;
  readonly meanOfReference: number;
  /** Adjusted for the number of features (Benjamini and Hochberg). */
  readonly pValue: number;
  /** Large enough to matter, and too large for chance. */
  readonly exceeds: boolean;
  /** What is counted in each bin, for people. */
  readonly bins: readonly string[];
  readonly counts: readonly number[];
  readonly countsOfReference: readonly number[];
}

/** A feature of the reference, and what a window has of it. */
export interface ComparedFeature {
  readonly profile: FeatureProfile;
  readonly current: FeatureCounts;
}

/** Compares all features of a window at once, as chance has a go at each of them. */
export function compareWindow(features: readonly ComparedFeature[]): readonly FeatureComparison[] {
  const adjusted = benjaminiHochberg(features.map(chance));
  return features.map((feature, index) => compareFeature(feature, adjusted[index] ?? 1));
}

function compareFeature({ profile, current }: ComparedFeature, pValue: number): FeatureComparison {
  const total = referenceCount(profile);
  const { values, missing, counts } = current;
  const bias = stabilityIndexBias(counts.length, Math.max(total, 1), Math.max(effective(current), 1));
  const index = values === 0 ? 0 : Math.max(0, stabilityIndex(profile.counts, counts) - bias);
  const distance = distanceOf({ profile, current });
  const missingShare = missing / Math.max(values + missing, 1);
  const missingShareOfReference = profile.missing / Math.max(total + profile.missing, 1);
  const matters =
    index > effectLimits.stabilityIndex ||
    distance > effectLimits.distance ||
    Math.abs(missingShare - missingShareOfReference) > effectLimits.missingShare;
  return {
    name: profile.name,
    kind: profile.kind,
    values,
    effectiveValues: Math.round(effective(current)),
    stabilityIndex: index,
    jensenShannon: values === 0 || total === 0 ? 0 : jensenShannonDistance(profile.counts, counts),
    distance,
    wasserstein: profile.kind === 'number' ? normalizedWasserstein(profile, current) : Number.NaN,
    missingShare,
    missingShareOfReference,
    mean: current.mean,
    meanOfReference: profile.kind === 'number' ? profile.mean : Number.NaN,
    pValue,
    exceeds: matters && pValue < significance,
    bins: binLabels(profile),
    counts,
    countsOfReference: profile.counts,
  };
}

/** Values whose neighbours resemble each other say less than as many independent ones. */
function effective({ values, autocorrelation }: FeatureCounts): number {
  return (values * (1 - autocorrelation)) / (1 + autocorrelation);
}

function distanceOf({ profile, current }: ComparedFeature): number {
  const total = referenceCount(profile);
  if (current.values === 0 || total === 0) return 0;
  if (profile.kind === 'number') return binnedDistance(profile.counts, current.counts);
  let moved = 0;
  for (const [bin, count] of profile.counts.entries()) {
    moved += Math.abs(count / total - (current.counts[bin] ?? 0) / current.values);
  }
  return moved / 2;
}

/** How likely as much is by chance, before correction: of values and of their being missing, the less likely one, doubled. */
function chance({ profile, current }: ComparedFeature): number {
  const total = referenceCount(profile);
  const rows = current.values + current.missing;
  if (rows === 0 || total + profile.missing === 0) return 1;
  const worth = current.values === 0 ? 1 : effective(current) / current.values;
  const missing = testIndependence([
    [profile.missing, total],
    [current.missing * worth, current.values * worth],
  ]).pValue;
  return Math.min(1, 2 * Math.min(missing, chanceOfValues({ profile, current }, worth)));
}

function chanceOfValues({ profile, current }: ComparedFeature, worth: number): number {
  const total = referenceCount(profile);
  if (current.values === 0 || total === 0) return 1;
  if (profile.kind === 'number') {
    return distancePValue(distanceOf({ profile, current }), total, Math.max(effective(current), 1));
  }
  return testIndependence([profile.counts, current.counts.map((count) => count * worth)]).pValue;
}

/** Of bins by their middles; what is beyond the reference counts as at its ends. */
function normalizedWasserstein({ edges, counts, deviation }: NumberProfile, current: FeatureCounts): number {
  if (deviation === 0 || current.values === 0 || counts.every((count) => count === 0)) return 0;
  const last = edges.length - 1;
  const middles = counts.map(
    (_, bin) => ((edges[Math.max(bin - 1, 0)] ?? 0) + (edges[Math.min(bin, last)] ?? 0)) / 2,
  );
  return (
    wassersteinDistance({ values: middles, weights: counts }, { values: middles, weights: current.counts }) /
    deviation
  );
}
