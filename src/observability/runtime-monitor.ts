import { constants, PerformanceObserver, performance, type PerformanceEntry } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import type { Histogram } from '../inference/statistics.ts';
import type { Clock } from '../util/clock.ts';
import { HistogramCells } from './histogram-cells.ts';

/** A delay that lasts longer than this cannot be missed. 20 timers a second cost an idle server 0.2 % of a core. */
const sampleMs = 50;

const delayBoundsMs = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];
const pauseBoundsMs = [0.5, 1, 2, 5, 10, 20, 50, 100];

const delayCells = new HistogramCells(0, delayBoundsMs);

const scavengeCells = new HistogramCells(0, pauseBoundsMs);
const majorCells = new HistogramCells(scavengeCells.end, pauseBoundsMs);
const otherCells = new HistogramCells(majorCells.end, pauseBoundsMs);

export type CollectionKind = 'scavenge' | 'mark_sweep' | 'other';

const collectionCells = {
  scavenge: scavengeCells,
  mark_sweep: majorCells,
  other: otherCells,
} as const satisfies Record<CollectionKind, HistogramCells>;

/** What JavaScript itself did on one thread. Histograms are in milliseconds. */
export interface RuntimeReading {
  /** How late timers fired. */
  readonly eventLoopDelay: Histogram;
  readonly eventLoopActiveMs: number;
  readonly eventLoopIdleMs: number;
  readonly collections: Readonly<Record<CollectionKind, Histogram>>;
  readonly heapUsedBytes: number;
  readonly heapLimitBytes: number;
}

/** Watches the event loop and the garbage collector of the thread that makes it. */
export class RuntimeMonitor implements Disposable {
  readonly #clock: Clock;
  readonly #delays = new Float64Array(delayCells.end);
  readonly #collections = new Float64Array(otherCells.end);
  readonly #observer: PerformanceObserver;
  #timer: Disposable;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) this.#collected(entry);
    });
    this.#observer.observe({ entryTypes: ['gc'] });
    this.#timer = this.#sampleLater();
  }

  read(): RuntimeReading {
    const { active, idle } = performance.eventLoopUtilization();
    const heap = getHeapStatistics();
    return {
      eventLoopDelay: delayCells.read(this.#delays),
      eventLoopActiveMs: active,
      eventLoopIdleMs: idle,
      collections: {
        scavenge: scavengeCells.read(this.#collections),
        mark_sweep: majorCells.read(this.#collections),
        other: otherCells.read(this.#collections),
      },
      heapUsedBytes: heap.used_heap_size,
      heapLimitBytes: heap.heap_size_limit,
    };
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]();
    this.#observer.disconnect();
  }

  #sampleLater(): Disposable {
    const due = this.#clock.now() + sampleMs;
    return this.#clock.after(sampleMs, () => {
      delayCells.add(this.#delays, Math.max(0, this.#clock.now() - due));
      this.#timer = this.#sampleLater();
    });
  }

  #collected(entry: PerformanceEntry): void {
    const kind = 'detail' in entry ? kindOf(entry.detail) : 'other';
    collectionCells[kind].add(this.#collections, entry.duration);
  }
}

function kindOf(detail: unknown): CollectionKind {
  if (typeof detail !== 'object' || detail === null || !('kind' in detail)) return 'other';
  if (detail.kind === constants.NODE_PERFORMANCE_GC_MINOR) return 'scavenge';
  return detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR ? 'mark_sweep' : 'other';
}
