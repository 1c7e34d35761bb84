/** One promise and how it was kept. */
export interface Bar {
  readonly what: string;
  readonly measured: string;
  readonly bar: string;
  readonly met: boolean;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  return (
    ((sorted[Math.ceil(sorted.length / 2) - 1] ?? Number.NaN) + (sorted[sorted.length >> 1] ?? Number.NaN)) /
    2
  );
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(share < 0.1 ? 2 : 1)} %`;
}

/** Markdown. */
export function renderBars(bars: readonly Bar[]): string {
  const rows = bars.map(
    ({ what, measured, bar, met }) => `| ${what} | ${measured} | ${bar} | ${met ? 'yes' : 'NO'} |`,
  );
  return ['| batching | measured | bar | met |', '|---|---|---|---|', ...rows].join('\n');
}
