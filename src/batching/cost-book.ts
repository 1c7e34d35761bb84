import type { CostCurve, CostSnapshot } from './inspection.ts';
import { CostTable } from './cost-table.ts';

/** Models whose costs are remembered; the one unused for longest is forgotten first. */
const rememberedModels = 256;

/** Clients choose shapes, so classes are bounded: 2^31 elements a row is beyond every message limit. */
const largestSizeClass = 31;

/** The cost tables of one model version, one per size class of its rows (a fixed-shape model has one). */
export class ModelCosts {
  readonly #maxRows: number;
  readonly #tables = new Map<number, CostTable>();

  constructor(maxRows: number) {
    this.#maxRows = maxRows;
  }

  table(sizeClass: number): CostTable {
    let table = this.#tables.get(sizeClass);
    if (table === undefined) {
      table = new CostTable(this.#maxRows);
      this.#tables.set(sizeClass, table);
    }
    return table;
  }

  knees(): { readonly sizeClass: number; readonly rows: number }[] {
    return Array.from(this.#tables, ([sizeClass, table]) => ({ sizeClass, rows: table.knee }));
  }

  export(): readonly CostCurve[] {
    const curves = Array.from(this.#tables, ([sizeClass, table]) => ({ sizeClass, costs: table.export() }));
    return curves.filter((curve) => curve.costs.length > 0);
  }

  import(curves: readonly CostCurve[]): void {
    for (const { sizeClass, costs } of curves) {
      if (Number.isInteger(sizeClass) && sizeClass >= 0 && sizeClass <= largestSizeClass) {
        this.table(sizeClass).import(costs);
      }
    }
  }
}

/** What was learned, by ModelSpec.digest: a reload of the same content starts where the last load ended. */
export class CostBook {
  readonly #models = new Map<string, ModelCosts>();
  /** Imported costs of models that have not been used yet. */
  readonly #imported = new Map<string, readonly CostCurve[]>();

  of(digest: string, maxRows: number): ModelCosts {
    const known = this.#models.get(digest);
    this.#models.delete(digest);
    const costs = known ?? new ModelCosts(maxRows);
    this.#models.set(digest, costs);
    forgetOldest(this.#models);
    const imported = this.#imported.get(digest);
    if (imported !== undefined) {
      this.#imported.delete(digest);
      costs.import(imported);
    }
    return costs;
  }

  export(): readonly CostSnapshot[] {
    return Array.from(this.#models, ([digest, costs]) => ({ digest, curves: costs.export() }));
  }

  import(snapshots: readonly CostSnapshot[]): void {
    for (const { digest, curves } of snapshots) {
      const known = this.#models.get(digest);
      if (known !== undefined) {
        known.import(curves);
        continue;
      }
      this.#imported.set(digest, curves);
      forgetOldest(this.#imported);
    }
  }
}

function forgetOldest(map: Map<string, unknown>): void {
  if (map.size <= rememberedModels) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}
