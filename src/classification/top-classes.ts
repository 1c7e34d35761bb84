/** Numbers of one row of scores; bigint for the 64-bit integers. */
export type Scores = ArrayLike<number> | ArrayLike<bigint>;

/**
 * Indexes of the `count` largest scores, largest first; of equal ones the earlier goes first, and what is not a number
 * goes last. Keeps a heap of `count`, so that a few classes out of very many cost one pass.
 */
export function topClasses(scores: Scores, start: number, end: number, count: number): readonly number[] {
  const heap: number[] = [];
  const size = Math.min(count, end - start);
  for (let index = start; index < end; index++) {
    if (heap.length < size) {
      heap.push(index);
      siftUp(heap, scores);
    } else if (size > 0 && before(scores, index, heap[0] ?? 0)) {
      heap[0] = index;
      siftDown(heap, scores);
    }
  }
  return heap.sort((a, b) => (before(scores, a, b) ? -1 : 1)).map((index) => index - start);
}

/** Whether the score at `a` is placed before the one at `b`. */
function before(scores: Scores, a: number, b: number): boolean {
  const left = scores[a] ?? Number.NaN;
  const right = scores[b] ?? Number.NaN;
  if (left > right) return true;
  if (left < right) return false;
  const leftIsNumber = !Number.isNaN(left);
  const rightIsNumber = !Number.isNaN(right);
  return leftIsNumber === rightIsNumber ? a < b : leftIsNumber;
}

/** The root is the one that leaves first: the last in order. */
function siftUp(heap: number[], scores: Scores): void {
  let child = heap.length - 1;
  while (child > 0) {
    const parent = (child - 1) >> 1;
    if (!before(scores, heap[parent] ?? 0, heap[child] ?? 0)) return;
    swap(heap, parent, child);
    child = parent;
  }
}

function siftDown(heap: number[], scores: Scores): void {
  let parent = 0;
  for (;;) {
    const left = 2 * parent + 1;
    if (left >= heap.length) return;
    const right = left + 1;
    const last = right < heap.length && before(scores, heap[left] ?? 0, heap[right] ?? 0) ? right : left;
    if (!before(scores, heap[parent] ?? 0, heap[last] ?? 0)) return;
    swap(heap, parent, last);
    parent = last;
  }
}

function swap(heap: number[], a: number, b: number): void {
  const kept = heap[a] ?? 0;
  heap[a] = heap[b] ?? 0;
  heap[b] = kept;
}
