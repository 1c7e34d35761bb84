const mebibyte = 1024 * 1024;

/** Growth of resident memory in the second half of a run: what a leak shows and a warm-up does not. */
export interface Growth {
  readonly bytes: number;
  readonly share: number;
}

/** Readings at even intervals. Each half is judged by its last third's mean, so that one odd reading decides nothing. */
export function growthOfSecondHalf(readings: readonly number[]): Growth {
  const half = Math.floor(readings.length / 2);
  const level = (part: readonly number[]): number => {
    const end = part.slice(-Math.max(1, Math.floor(part.length / 3)));
    return end.reduce((sum, bytes) => sum + bytes, 0) / end.length;
  };
  const middle = level(readings.slice(0, half));
  const bytes = level(readings.slice(half)) - middle;
  return { bytes, share: bytes / middle };
}

/** At most 5 % and at most 20 MiB. */
export function isSteady({ bytes, share }: Growth): boolean {
  return share <= 0.05 && bytes <= 20 * mebibyte;
}

export function describeGrowth({ bytes, share }: Growth): string {
  return `${(bytes / mebibyte).toFixed(1)} MiB (${(share * 100).toFixed(1)} %) in the second half`;
}
