import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '../inference/logger.ts';
import { makeFolder } from '../util/make-folder.ts';
import type { CostCurve, CostSnapshot, LearnedCost } from './inspection.ts';

const format = 1;

/** Models in the file; those saved first are left out first. */
const keptModels = 256;

/** Far beyond what so many models need: whatever is larger was not written here. */
const largestBytes = 16 * 1024 * 1024;

/** What batches cost, kept in a file from one process to the next. It is a cache: losing it costs a second of learning. */
export class CostCache {
  readonly #folder: string;
  readonly #file: string;
  readonly #logger: Logger;

  constructor(folder: string, logger: Logger) {
    this.#folder = folder;
    this.#file = join(folder, 'batch-costs.json');
    this.#logger = logger;
  }

  /** Nothing when there is no file yet, or none that can be read, which is logged. */
  load(): readonly CostSnapshot[] {
    try {
      const size = statSync(this.#file, { throwIfNoEntry: false })?.size;
      if (size === undefined) return [];
      if (size > largestBytes) throw new Error('it is too large');
      return parseCosts(readFileSync(this.#file, 'utf8'));
    } catch (cause) {
      this.#logger.warn({ file: this.#file, cause: String(cause) }, 'the file of batch costs is ignored');
      return [];
    }
  }

  /** Keeps what earlier processes learned of models that are not among `costs`. Failing is logged, no more. */
  save(costs: readonly CostSnapshot[]): void {
    const learned = costs.filter(({ curves }) => curves.length > 0);
    const known = new Set(learned.map(({ digest }) => digest));
    let temporary = '';
    try {
      const kept = [...this.load().filter(({ digest }) => !known.has(digest)), ...learned].slice(-keptModels);
      makeFolder(this.#folder);
      temporary = `${this.#file}.${process.pid}`;
      writeFileSync(temporary, renderCosts(kept));
      renameSync(temporary, this.#file);
    } catch (cause) {
      if (temporary !== '') rmSync(temporary, { force: true });
      this.#logger.warn({ file: this.#file, cause: String(cause) }, 'batch costs could not be saved');
    }
  }
}

/** The file's text. */
export function renderCosts(costs: readonly CostSnapshot[]): string {
  return JSON.stringify({ format, costs });
}

/** @throws Error that says what is wrong with the text. */
function parseCosts(text: string): readonly CostSnapshot[] {
  const file: unknown = JSON.parse(text);
  if (fieldOf(file, 'format') !== format) throw new Error('it has another format');
  return listOf(fieldOf(file, 'costs')).map((snapshot): CostSnapshot => {
    const digest = fieldOf(snapshot, 'digest');
    if (typeof digest !== 'string') throw new Error('a digest is no text');
    return { digest, curves: listOf(fieldOf(snapshot, 'curves')).map(curveOf) };
  });
}

function curveOf(curve: unknown): CostCurve {
  const costs = listOf(fieldOf(curve, 'costs')).map((cost): LearnedCost => ({
    rows: numberOf(cost, 'rows'),
    ms: numberOf(cost, 'ms'),
    samples: numberOf(cost, 'samples'),
  }));
  return { sizeClass: numberOf(curve, 'sizeClass'), costs };
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

function listOf(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error('a list is missing');
  return value;
}

function numberOf(value: unknown, name: string): number {
  const number = fieldOf(value, name);
  if (typeof number !== 'number' || !Number.isFinite(number) || number < 0)
    throw new Error(`${name} is no number`);
  return number;
}
