import { closeSync } from 'node:fs';
import { ServingError } from '../errors.ts';
import type { CallContext } from '../inference/call-context.ts';
import type { SharedMemory, SharedTensors, SystemRegion, TensorPlaces } from '../inference/shared-memory.ts';
import { holdTensors } from './hold-tensors.ts';
import { openObject } from './open-object.ts';
import { refuse } from './refusals.ts';
import { RegionTable } from './region-table.ts';
import type { Region, RegionHandle } from './region.ts';

/** Each region is an open file. One caller gets half of them, so that it cannot take all. */
const maxRegions = 1024;
const maxRegionsOfOne = maxRegions / 2;
const maxNameLength = 1024;

/** The other threads that use the regions of this one. */
export interface RegionFollowers {
  /** Resolves when all of them go by it. */
  publish(regions: readonly RegionHandle[]): Promise<void>;
  /** Resolves when none of them uses a region any more that was published before and is not now. */
  idle(id: number): Promise<void>;
}

/** Opens, owns and closes the regions of all clients of the process. */
export class ClientMemory implements SharedMemory, Disposable {
  readonly #followers: RegionFollowers | undefined;
  readonly #table = new RegionTable();
  /** Of regions that are registered, or still used though they are not. */
  readonly #open = new Set<number>();
  #nextId = 0;

  /**
   * @throws failed_precondition on an operating system that does not keep shared memory as files, for
   * `--allow-client-shm`.
   */
  constructor(followers?: RegionFollowers) {
    if (process.platform !== 'linux') {
      throw new ServingError('failed_precondition', '--allow-client-shm needs Linux');
    }
    this.#followers = followers;
  }

  handles(): readonly RegionHandle[] {
    return this.#table.handles();
  }

  status(caller: string, name: string): readonly SystemRegion[] {
    return this.#table.status(caller, name);
  }

  async register(caller: string, asked: SystemRegion): Promise<void> {
    const { name, key, offset, byte_size } = asked;
    this.#checkName(caller, name);
    const { fd, sizeBytes } = openObject(key);
    if (byte_size < 1 || offset < 0 || byte_size > sizeBytes - offset) {
      closeSync(fd);
      throw refuse.outOfObject(name);
    }
    this.#open.add(fd);
    this.#table.add({ id: this.#nextId++, owner: caller, fd, name, key, offset, byte_size });
    await this.#publish();
  }

  async unregister(caller: string, name: string): Promise<void> {
    const found = this.#table.find(caller, name);
    const regions = name === '' ? this.#table.list(caller) : found === undefined ? [] : [found];
    for (const region of regions) this.#table.remove(region);
    await this.#publish();
    // A thread that cannot say whether it uses a region keeps it open: until the server stops.
    for (const region of regions) this.#closeWhenIdle(region).catch(() => undefined);
  }

  hold(places: TensorPlaces, call: CallContext): SharedTensors {
    return holdTensors(this.#table, places, call);
  }

  /** Nothing may use any region any more. */
  [Symbol.dispose](): void {
    for (const fd of this.#open) closeSync(fd);
    this.#open.clear();
  }

  #checkName(caller: string, name: string): void {
    if (name === '') throw refuse.noName();
    if (name.length > maxNameLength) throw refuse.outOfObject(name);
    if (this.#table.find(caller, name) !== undefined) throw refuse.exists(name);
    if (this.#table.size >= maxRegions) throw refuse.tooMany(maxRegions);
    if (this.#table.sizeOf(caller) >= maxRegionsOfOne) throw refuse.tooMany(maxRegionsOfOne);
  }

  async #publish(): Promise<void> {
    await this.#followers?.publish(this.#table.handles());
  }

  async #closeWhenIdle(region: Region): Promise<void> {
    const { id, fd } = region.handle;
    await region.idle();
    await this.#followers?.idle(id);
    if (this.#open.delete(fd)) closeSync(fd);
  }
}
