import { ServingError } from '../errors.ts';
import type {
  IndexEntry,
  ModelCatalog,
  ModelMetadata,
  ModelStateName,
  TensorMetadata,
} from '../inference/catalog.ts';
import type { TensorSpec } from '../inference/model-spec.ts';
import type { StatisticsSnapshot } from '../inference/statistics.ts';
import type { Router } from '../inference/target.ts';
import { printable } from '../util/printable.ts';
import type { ModelState, ModelTable } from './model-table.ts';
import { compareVersions } from './version-policy.ts';
import type { ReadableVersion, VersionState } from './version-state.ts';

export interface CatalogOptions {
  readonly table: ModelTable;
  readonly router: Router;
  readonly ready: () => boolean;
}

/** What the fronts may ask about models. */
export function createCatalog({ table, router, ready }: CatalogOptions): ModelCatalog {
  const find = (model: string, version: string): ReadableVersion => {
    const served = table.servedBy(router.route(model, version));
    if (served === undefined) throw new Error('bug: the routing table and its states disagree');
    return served;
  };
  return {
    ready,
    modelReady: (model, version) => isReady(router, model, version),
    metadata: (model, version) => metadataOf(table, find(model, version), version),
    config: (model, version) => ({ ...find(model, version).config }),
    labels: (model, version) => labelsOf(find(model, version)),
    features: (model, version) => find(model, version).target.spec.features,
    statistics: (model, version) => statistics(table, model, version, find),
    index: (readyOnly) => index(table, readyOnly),
    onChange: (listener) => table.onChange(listener),
  };
}

function isReady(router: Router, model: string, version: string): boolean {
  try {
    router.route(model, version);
    return true;
  } catch (error) {
    if (error instanceof ServingError && error.code !== 'invalid_argument') return false;
    throw error;
  }
}

function metadataOf(table: ModelTable, { target: { spec } }: ReadableVersion, asked: string): ModelMetadata {
  const ready = [...(table.routes.get(spec.name)?.ready.keys() ?? [])];
  const describe = (tensor: TensorSpec): TensorMetadata => ({
    name: tensor.name,
    datatype: tensor.datatype,
    shape: spec.maxBatchSize > 0 ? [-1, ...tensor.dims] : tensor.dims,
  });
  return {
    name: spec.name,
    versions: asked === '' ? ready.toSorted(compareVersions) : [spec.version],
    platform: spec.platform,
    inputs: spec.inputs.map(describe),
    outputs: spec.outputs.map(describe),
  };
}

function labelsOf({ target: { spec } }: ReadableVersion): ReadonlyMap<string, readonly string[]> {
  return new Map(spec.outputs.flatMap(({ name, labels }) => (labels.length === 0 ? [] : [[name, labels]])));
}

function statistics(
  table: ModelTable,
  model: string,
  version: string,
  find: (model: string, version: string) => ReadableVersion,
): readonly StatisticsSnapshot[] {
  if (model === '') {
    return [...table.seen.values()].flatMap(({ versions }) => readyOf(versions));
  }
  const managed = table.seen.get(model);
  if (managed === undefined || (version === '' && readyOf(managed.versions).length === 0)) {
    throw new ServingError('invalid_argument', `requested model '${printable(model)}' is not available`, {
      reason: 'MODEL_NOT_FOUND',
    });
  }
  return version === '' ? readyOf(managed.versions) : [find(model, version).counters.snapshot()];
}

function readyOf(versions: ReadonlyMap<string, VersionState<ReadableVersion>>): StatisticsSnapshot[] {
  return [...versions.values()].flatMap((state) =>
    state.kind === 'ready' ? [state.served.counters.snapshot()] : [],
  );
}

const stateNames = {
  loading: 'LOADING',
  ready: 'READY',
  unloading: 'UNLOADING',
  unavailable: 'UNAVAILABLE',
} as const satisfies Record<VersionState['kind'], ModelStateName>;

function index(table: ModelTable, readyOnly: boolean): readonly IndexEntry[] {
  return [...table.seen.values()]
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((model) => entries(model))
    .filter(({ state }) => !readyOnly || state === 'READY');
}

function entries({ name, versions, problem }: ModelState): IndexEntry[] {
  if (versions.size === 0) {
    return [{ name, version: '', state: problem === '' ? '' : 'UNAVAILABLE', reason: problem }];
  }
  return [...versions]
    .toSorted(([a], [b]) => compareVersions(a, b))
    .map(([version, state]) => ({
      name,
      version,
      state: stateNames[state.kind],
      reason: reasonOf(state, problem),
    }));
}

/** @param problem of the last load, when it failed before any version was tried. */
function reasonOf(state: VersionState<ReadableVersion>, problem: string): string {
  if (state.kind === 'unavailable') return problem || state.reason;
  return state.kind === 'ready' ? problem || state.problem : '';
}
