/** One line about how long calls took: the time, or its distribution and the rate over all. */
export function timingLine(timesMs: readonly number[]): string {
  const sorted = timesMs.toSorted((left, right) => left - right);
  if (sorted.length < 2) return `${milliseconds(sorted[0] ?? 0)} round trip\n`;
  const sum = sorted.reduce((total, time) => total + time, 0);
  const at = (share: number): string => milliseconds(percentile(sorted, share));
  const rate = ((sorted.length * 1000) / sum).toFixed(0);
  return `${sorted.length} calls, one after the other: p50 ${at(0.5)}, p90 ${at(0.9)}, p99 ${at(0.99)}, max ${at(1)}, ${rate} per second\n`;
}

/** Nearest rank. `sorted` ascends and is not empty. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}

function milliseconds(time: number): string {
  return `${time.toFixed(2)} ms`;
}
