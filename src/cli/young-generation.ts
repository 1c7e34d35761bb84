import { getHeapSpaceStatistics, getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { useFullCollector } from '../util/closed-sessions.ts';
import { useYoungCollector } from '../util/received-bytes.ts';

/** Both halves, in bytes. Measured: with 8 MiB a small request costs a tenth less CPU than with 2 or 32. */
const targetBytes = 8 * 1024 * 1024;

/** More than it takes; a heap that does not grow so is left as it is. */
const maxRounds = 100;
const objectsPerRound = 2000;

/**
 * Lets the part of V8's heap where objects are born grow to the size that suits a server, and no further. Left to itself it
 * doubles whenever enough requests are in flight, up to 32 MiB: more than the processor's cache holds, so that large
 * requests cost up to a third more, and memory that is never given back. V8 takes the sizes themselves only on the
 * command line, before the program, for the thread that runs it: that one has to be filled. Threads that start later are born with it. The
 * factor of growth is read while it runs.
 *
 * Concerns the whole process: for programs that are a server, not for those that embed one. Does nothing where the
 * operator chose (`node --max-semi-space-size`, also in NODE_OPTIONS).
 */
export function holdYoungGeneration(given: readonly string[], nodeOptions = ''): void {
  if ([...given, nodeOptions].some((text) => /semi[-_]space/.test(text))) return;
  let kept: object[] = [];
  for (let round = 0; round < maxRounds && youngBytes() < targetBytes; round += 1) {
    for (let index = 0; index < objectsPerRound; index += 1) kept.push([index, {}]);
  }
  kept = [];
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString(`--min-semi-space-size=${targetBytes / 2 ** 21}`);
}

/** What V8 has taken for it from the system. */
export function youngBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')?.space_size ?? 0;
}

/**
 * Has the young generation collected by the bytes received, on this thread, and all of it by the sessions closed. As for all here: for
 * programs that are a server.
 */
export function collectByReceivedBytes(): void {
  setFlagsFromString('--expose-gc');
  const gc: unknown = runInNewContext('gc');
  if (typeof gc !== 'function') return;
  const allowance = new GarbageAllowance();
  useYoungCollector(() => {
    gc({ type: 'minor', execution: 'sync' });
    allowance.look();
  });
  useFullCollector(() => void gc({ type: 'major', execution: 'sync' }));
}

/** What may lie around between two full collections. */
const garbageBytes = 128 * 1024 * 1024;
/** In percent of what lives; V8 itself goes up to 300 for small heaps. */
const leastGrowth = 30;
const mostGrowth = 400;
/** The least of so many looks is taken for what lives: a full collection comes among them. */
const looks = 32;

/**
 * Lets the heap grow by a fixed amount between full collections. V8 sees that each frees only some megabytes, since tensors
 * in flight live outside of the heap and for milliseconds, and so does them ever more often: hundreds in a second of large
 * tensors, which was more than half of the server's time.
 */
class GarbageAllowance {
  readonly #sizes = new Float64Array(looks).fill(Infinity);
  #next = 0;
  #percent = 0;

  look(): void {
    const { used_heap_size: heapBytes, external_memory: externalBytes } = getHeapStatistics();
    this.#sizes[this.#next] = heapBytes + externalBytes;
    this.#next = (this.#next + 1) % looks;
    const liveBytes = Math.min(...this.#sizes);
    const percent = Math.round((100 * garbageBytes) / liveBytes);
    const bounded = Math.min(mostGrowth, Math.max(leastGrowth, percent));
    if (Math.abs(bounded - this.#percent) <= this.#percent / 10) return;
    this.#percent = bounded;
    setFlagsFromString(`--heap-growing-percent=${bounded}`);
  }
}
