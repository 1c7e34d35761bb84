/** So much of a resource, for as long as a run lasts. */
export interface Need {
  /** The resource, and its device unless it is global. */
  readonly key: string;
  readonly count: number;
}

/** An instance that is idle and has something to run. */
export interface Contender {
  readonly needs: readonly Need[];
  /** Runs so far times priority. */
  readonly scaledPriority: number;
}

/**
 * Who may start: the one with the smallest scaled priority. One whose resources are not free waits for them, and keeps
 * those after it from taking them, so that a large need is met in the end; who needs none of them passes by.
 *
 * @param free How much of a resource nobody holds.
 * @returns its index; -1 when nobody may.
 */
export function chooseContender(contenders: readonly Contender[], free: (key: string) => number): number {
  const order = contenders.map((_, index) => index);
  const priorityOf = (index: number): number => contenders[index]?.scaledPriority ?? 0;
  order.sort((a, b) => priorityOf(a) - priorityOf(b));
  const awaited = new Set<string>();
  for (const index of order) {
    const needs = contenders[index]?.needs ?? [];
    if (needs.every(({ key, count }) => !awaited.has(key) && free(key) >= count)) return index;
    for (const { key } of needs) awaited.add(key);
  }
  return -1;
}
