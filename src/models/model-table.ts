import type { Target } from '../inference/target.ts';
import type { AbsentVersion, ModelRoutes, RoutingTable } from '../inference/routing-table.ts';
import { compareVersions } from './version-policy.ts';
import type { ReadableVersion, VersionState } from './version-state.ts';

/** What routing and readers need of one model. */
export interface ModelState {
  readonly name: string;
  readonly versions: ReadonlyMap<string, VersionState<ReadableVersion>>;
  /** It should serve: asked for, and not unloaded on purpose. */
  readonly intended: boolean;
  /** Why the last load failed before any version was tried; '' otherwise. */
  readonly problem: string;
  readonly ready: boolean;
}

/** All models, and what follows from their states: the table for routing, and who wants to hear of changes. */
export class ModelTable<Model extends ModelState = ModelState> {
  readonly models = new Map<string, Model>();
  readonly #listeners = new Set<() => void>();
  #routes: RoutingTable = new Map();
  #served = new Map<Target, ReadableVersion>();

  /** The table in force; never written to. */
  get routes(): RoutingTable {
    return this.#routes;
  }

  /** What a target that can be routed to was made from. */
  servedBy(target: Target): ReadableVersion | undefined {
    return this.#served.get(target);
  }

  /** Every model that should serve does, in all versions that its policy chose. */
  allReady(): boolean {
    for (const model of this.models.values()) if (model.intended && !model.ready) return false;
    return true;
  }

  /** States have changed: makes the new table and tells the listeners. */
  changed(): void {
    const served = new Map<Target, ReadableVersion>();
    const routes = new Map<string, ModelRoutes>();
    for (const model of this.models.values()) routes.set(model.name, routesOf(model, served));
    this.#served = served;
    this.#routes = routes;
    for (const listener of this.#listeners) listener();
  }

  onChange(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }
}

function routesOf(model: ModelState, served: Map<Target, ReadableVersion>): ModelRoutes {
  const ready = new Map<string, Target>();
  const absent = new Map<string, AbsentVersion>();
  let newest: Target | undefined;
  for (const [version, state] of model.versions) {
    if (state.kind !== 'ready') {
      absent.set(version, state.kind);
      continue;
    }
    const { target } = state.served;
    ready.set(version, target);
    served.set(target, state.served);
    if (newest === undefined || compareVersions(newest.spec.version, version) < 0) newest = target;
  }
  return { newest, ready, absent };
}
