import type { CallContext } from '../inference/call-context.ts';
import type { SharedMemory, SharedTensors, SystemRegion, TensorPlaces } from '../inference/shared-memory.ts';
import { holdTensors } from './hold-tensors.ts';
import { RegionTable } from './region-table.ts';
import type { Region, RegionHandle } from './region.ts';

/** The regions of a thread that has opened none itself: it is told which there are, and passes registrations on. */
export class FollowedMemory implements SharedMemory {
  readonly #owner: Pick<SharedMemory, 'register' | 'unregister'>;
  readonly #table = new RegionTable();
  readonly #byId = new Map<number, Region>();

  /** @param owner the thread's way to whoever opens and closes. */
  constructor(owner: Pick<SharedMemory, 'register' | 'unregister'>, regions: readonly RegionHandle[]) {
    this.#owner = owner;
    this.follow(regions);
  }

  /** From now on these are all that requests may name. */
  follow(regions: readonly RegionHandle[]): void {
    const wanted = new Set(regions.map(({ id }) => id));
    for (const { id, owner, name } of this.#table.handles()) {
      const region = wanted.has(id) ? undefined : this.#table.find(owner, name);
      if (region !== undefined) this.#table.remove(region);
    }
    for (const handle of regions) {
      if (this.#byId.has(handle.id)) continue;
      this.#byId.set(handle.id, this.#table.add(handle));
    }
  }

  /** Resolves when no request of this thread uses a region any more that it no longer follows. */
  async idle(id: number): Promise<void> {
    await this.#byId.get(id)?.idle();
    this.#byId.delete(id);
  }

  status(caller: string, name: string): readonly SystemRegion[] {
    return this.#table.status(caller, name);
  }

  register(caller: string, region: SystemRegion): void | Promise<void> {
    return this.#owner.register(caller, region);
  }

  unregister(caller: string, name: string): void | Promise<void> {
    return this.#owner.unregister(caller, name);
  }

  hold(places: TensorPlaces, call: CallContext): SharedTensors {
    return holdTensors(this.#table, places, call);
  }
}
