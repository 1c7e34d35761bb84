const mebibyte = 1024 * 1024;

/** Growth of resident memory in the second half of a run: what a leak shows and a warm-up does not. */
export interface Growth {
  readonly bytes: number;
  /** What grew from reading to reading, as a share: a leak does, and what the runtime takes at once does not. */
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
  const slope = usualSlope(readings.slice(half - Math.floor(half / 3)));
  return { bytes: level(readings.slice(half)) - middle, share: (slope * half) / middle };
}

/** The median of readings that are near each other: few of them have a step between them, whenever it comes. */
function usualSlope(readings: readonly number[]): number {
  const near = Math.ceil(readings.length / 4);
  const slopes = readings.flatMap((later, at) =>
    readings
      .slice(Math.max(0, at - near), at)
      .map((earlier, index, { length }) => (later - earlier) / (length - index)),
  );
  return slopes.toSorted((one, other) => one - other)[Math.floor(slopes.length / 2)] ?? Number.NaN;
}

/** At most 5 % that grows and grows, and at most 20 MiB whatever happens. */
export function isSteady({ bytes, share }: Growth): boolean {
  return share <= 0.05 && bytes <= 20 * mebibyte;
}

export function describeGrowth({ bytes, share }: Growth): string {
  return `${(bytes / mebibyte).toFixed(1)} MiB in the second half, ${(share * 100).toFixed(1)} % from reading to reading`;
}
