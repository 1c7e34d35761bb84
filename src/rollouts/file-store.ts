import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ServingError } from '../errors.ts';
import type { Exchanged, RolloutStore } from './rollout-store.ts';
import type { RolloutDelta } from './arm-delta.ts';
import { readStored, storedForm, type RolloutState } from './state.ts';

/** Rollouts of one server in a file, which is replaced as a whole: it is the old one or the new one, whatever happens. */
export class FileStore implements RolloutStore {
  readonly shared = false;
  readonly #path: string;
  readonly #states = new Map<string, RolloutState>();
  /** Writes wait for each other. */
  #writing: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  async load(): Promise<readonly RolloutState[]> {
    let text: string;
    try {
      text = await readFile(this.#path, 'utf8');
    } catch (error) {
      if (isMissing(error)) return [];
      throw unusable('cannot be read', error);
    }
    try {
      for (const state of listOf(JSON.parse(text)).map(readStored)) this.#states.set(state.plan.model, state);
    } catch (error) {
      throw unusable('holds no rollouts of this version', error);
    }
    return [...this.#states.values()];
  }

  async save(state: RolloutState, earlier: number): Promise<boolean> {
    const { model } = state.plan;
    const before = this.#states.get(model);
    if ((before?.revision ?? -1) !== earlier) return false;
    this.#states.set(model, state);
    try {
      await this.#write();
    } catch (error) {
      if (this.#states.get(model) === state) {
        if (before === undefined) this.#states.delete(model);
        else this.#states.set(model, before);
      }
      throw error;
    }
    return true;
  }

  async remove(model: string): Promise<void> {
    this.#states.delete(model);
    await this.#write();
  }

  changes(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  exchange(deltas: readonly RolloutDelta[]): Promise<Exchanged> {
    return Promise.resolve({ leading: true, log: '', told: [{ at: 0, deltas }] });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing;
  }

  #write(): Promise<void> {
    const written = this.#writing.then(() => this.#replace());
    this.#writing = written.catch(() => undefined);
    return written;
  }

  async #replace(): Promise<void> {
    const text = JSON.stringify({ rollouts: Array.from(this.#states.values(), storedForm) });
    const beside = `${this.#path}.new`;
    try {
      await mkdir(dirname(this.#path), { recursive: true });
      const file = await open(beside, 'w', 0o600);
      try {
        await file.writeFile(text);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(beside, this.#path);
    } catch (error) {
      throw unusable('cannot be written', error);
    }
  }
}

function listOf(content: unknown): readonly unknown[] {
  if (
    typeof content === 'object' &&
    content !== null &&
    'rollouts' in content &&
    Array.isArray(content.rollouts)
  ) {
    return content.rollouts;
  }
  throw new Error('no list of rollouts');
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

function unusable(problem: string, cause: unknown): ServingError {
  return new ServingError('failed_precondition', `the file of --rollout-state ${problem}`, {
    reason: 'ROLLOUT_STATE',
    cause,
  });
}
