import type { SystemRegion } from '../inference/shared-memory.ts';
import { refuse } from './refusals.ts';
import { Region, type RegionHandle } from './region.ts';

/** The regions that requests of one thread may name, of all callers. */
export class RegionTable {
  readonly #byOwner = new Map<string, Map<string, Region>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** How many regions a caller has. */
  sizeOf(owner: string): number {
    return this.#byOwner.get(owner)?.size ?? 0;
  }

  find(owner: string, name: string): Region | undefined {
    return this.#byOwner.get(owner)?.get(name);
  }

  /** Of one caller, in the order in which they were registered. */
  list(owner: string): readonly Region[] {
    return [...(this.#byOwner.get(owner)?.values() ?? [])];
  }

  /** The region of that name, or all for '', in the protocol's words. @throws not_found */
  status(owner: string, name: string): readonly SystemRegion[] {
    if (name === '') return this.list(owner).map(describe);
    const region = this.find(owner, name);
    if (region === undefined) throw refuse.unknownStatus(name);
    return [describe(region)];
  }

  handles(): readonly RegionHandle[] {
    return Array.from(this.#byOwner.values(), (regions) =>
      Array.from(regions.values(), ({ handle }) => handle),
    ).flat();
  }

  /** The name must be free. */
  add(handle: RegionHandle): Region {
    const { owner, name } = handle;
    let regions = this.#byOwner.get(owner);
    if (regions === undefined) {
      regions = new Map();
      this.#byOwner.set(owner, regions);
    }
    const region = new Region(handle);
    regions.set(name, region);
    this.#size++;
    return region;
  }

  /** From then on nobody finds it; it must be there. */
  remove({ handle: { owner, name } }: Region): void {
    const regions = this.#byOwner.get(owner);
    if (regions?.delete(name) !== true) throw new Error('bug: a region is removed that is not there');
    this.#size--;
    if (regions.size === 0) this.#byOwner.delete(owner);
  }
}

function describe({ handle: { name, key, offset, byte_size } }: Region): SystemRegion {
  return { name, key, offset, byte_size };
}
