import type { EnsembleRules } from '../inference/ensemble.ts';
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

/** A version of an ensemble that has been loaded: it serves while its steps do. */
interface LoadedEnsemble {
  readonly model: ModelState;
  readonly version: string;
  readonly served: ReadableVersion;
}

/** ModelRoutes while they are made. */
interface Routes extends ModelRoutes {
  newest: Target | undefined;
  readonly ready: Map<string, Target>;
  readonly absent: Map<string, AbsentVersion>;
}

/** All models, and what follows from their states: the table for routing, and who wants to hear of changes. */
export class ModelTable<Model extends ModelState = ModelState> {
  readonly models = new Map<string, Model>();
  readonly #problemOf: EnsembleRules['problem'];
  readonly #listeners = new Set<() => void>();
  #routes: RoutingTable = new Map();
  #served = new Map<Target, ReadableVersion>();
  #seen: ReadonlyMap<string, ModelState> = new Map();

  /** @param problemOf Why an ensemble cannot be run with what can be routed to; '' when it can. */
  constructor(problemOf: EnsembleRules['problem']) {
    this.#problemOf = problemOf;
  }

  /** The table in force; never written to. */
  get routes(): RoutingTable {
    return this.#routes;
  }

  /** The models as clients may see them: an ensemble is as ready as its steps are. */
  get seen(): ReadonlyMap<string, ModelState> {
    return this.#seen;
  }

  /** What a target that can be routed to was made from. */
  servedBy(target: Target): ReadableVersion | undefined {
    return this.#served.get(target);
  }

  /** Every model that should serve does, in all versions that its policy chose. */
  allReady(): boolean {
    for (const model of this.#seen.values()) if (model.intended && !model.ready) return false;
    return true;
  }

  /** States have changed: makes the new table and tells the listeners. */
  changed(): void {
    const served = new Map<Target, ReadableVersion>();
    const routes = new Map<string, Routes>();
    const seen = new Map<string, ModelState>(this.models);
    let ensembles: LoadedEnsemble[] = [];
    for (const model of this.models.values()) {
      routes.set(model.name, routesOf(model, served, ensembles));
    }
    // Newest first: what takes the newest version of an ensemble is to be compared with that one.
    ensembles.sort((a, b) => compareVersions(b.version, a.version));
    // Each round finds those whose steps are ready by now; what is left at the end never gets there.
    for (let found = -1; found !== 0;) {
      const waiting = ensembles.filter((ensemble) => this.#problemOf(ensemble.served.target, routes) !== '');
      found = ensembles.length - waiting.length;
      for (const ensemble of ensembles) if (!waiting.includes(ensemble)) route(ensemble, routes, served);
      ensembles = waiting;
    }
    for (const ensemble of ensembles) {
      routes.get(ensemble.model.name)?.absent.set(ensemble.version, 'unavailable');
      hide(ensemble, this.#problemOf(ensemble.served.target, routes), seen);
    }
    this.#served = served;
    this.#routes = routes;
    this.#seen = seen;
    for (const listener of this.#listeners) listener();
  }

  onChange(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }
}

/** Of what needs no other model; ensembles are only gathered. */
function routesOf(
  model: ModelState,
  served: Map<Target, ReadableVersion>,
  ensembles: LoadedEnsemble[],
): Routes {
  const routes: Routes = { newest: undefined, ready: new Map(), absent: new Map() };
  for (const [version, state] of model.versions) {
    if (state.kind !== 'ready') routes.absent.set(version, state.kind);
    else if (state.served.target.ensemble !== undefined) {
      ensembles.push({ model, version, served: state.served });
    } else add(routes, version, state.served, served);
  }
  return routes;
}

function add(
  routes: Routes,
  version: string,
  readable: ReadableVersion,
  served: Map<Target, ReadableVersion>,
): void {
  const { target } = readable;
  routes.ready.set(version, target);
  served.set(target, readable);
  if (routes.newest === undefined || compareVersions(routes.newest.spec.version, version) < 0) {
    routes.newest = target;
  }
}

function route(
  { model, version, served: readable }: LoadedEnsemble,
  routes: ReadonlyMap<string, Routes>,
  served: Map<Target, ReadableVersion>,
): void {
  const own = routes.get(model.name);
  if (own !== undefined) add(own, version, readable, served);
}

/** Shows a version as unavailable; its model is not ready unless another version is. */
function hide({ model, version }: LoadedEnsemble, problem: string, seen: Map<string, ModelState>): void {
  const { name, intended, problem: ownProblem, ready } = model;
  const before = seen.get(name)?.versions ?? model.versions;
  const versions = new Map(before).set(version, { kind: 'unavailable', reason: problem });
  const othersReady = [...versions.values()].some(({ kind }) => kind === 'ready');
  seen.set(name, { name, intended, problem: ownProblem, ready: ready && othersReady, versions });
}
