import { ServingError } from '../errors.ts';
import type { ModelRoutes, RoutingTable } from '../inference/routing-table.ts';
import type { Router, Target } from '../inference/target.ts';
import { printable } from '../util/printable.ts';

/** What serves a model whose traffic is divided, when nobody chooses. */
export interface Baselines {
  /** How many models that is. */
  readonly size: number;
  baseline(model: string): Target | undefined;
}

/**
 * Finds targets in a table that the control plane swaps as a whole. Without a version that is the newest, or the baseline
 * where traffic is divided: a version that is being tried must not reach who does not take part, such as ensembles.
 *
 * @param table the table in force; called for each request.
 * @param isComplete whether the table has what the server starts with: until then nobody can say that a model is not there.
 */
export function createRouter(
  table: () => RoutingTable,
  baselines?: Baselines,
  isComplete: () => boolean = () => true,
): Router {
  return {
    route(model, version) {
      if (version === '' && baselines !== undefined && baselines.size > 0) {
        const target = baselines.baseline(model);
        if (target !== undefined) return target;
      }
      const routes = table().get(model);
      if (routes !== undefined) {
        const target = version === '' ? routes.newest : routes.ready.get(version);
        if (target !== undefined) return target;
      }
      // Its name may be known before its versions are.
      if ((routes === undefined || routes.ready.size === 0) && !isComplete()) {
        throw notReady(model, version === '' ? '' : parseVersion(version));
      }
      return findOrRefuse(model, version, routes);
    },
    besides({ spec }) {
      const ready = [...(table().get(spec.name)?.ready.values() ?? [])];
      return ready.filter((other) => other.spec.version !== spec.version).sort(newestFirst);
    },
  };
}

/** Versions are numbers without leading zeros, and may have more digits than a number can. */
function newestFirst({ spec: { version: a } }: Target, { spec: { version: b } }: Target): number {
  if (a.length !== b.length) return b.length - a.length;
  return a < b ? 1 : -1;
}

/** The rare ways: numbers in other spellings, and everything that cannot be served. */
function findOrRefuse(model: string, version: string, routes: ModelRoutes | undefined): Target {
  const number = version === '' ? '' : parseVersion(version);
  if (routes === undefined) throw notFound(model, number, '');
  if (number === '') {
    if ([...routes.absent.values()].includes('loading')) throw notReady(model, '');
    throw notFound(model, '', 'has no available versions');
  }
  const target = routes.ready.get(number);
  if (target !== undefined) return target;
  const absent = routes.absent.get(number);
  if (absent === 'loading' || absent === 'unloading') throw notReady(model, number);
  throw notFound(model, number, '');
}

/**
 * A version as clients send it, without leading zeros.
 *
 * @throws ServingError invalid_argument for what is no number.
 */
function parseVersion(version: string): string {
  if (/^\d{1,19}$/.test(version)) return version.replace(/^0+(?=\d)/, '');
  throw new ServingError(
    'invalid_argument',
    `failed to get model version from specified version string '${printable(version)}' (an integer of 0 or more is expected)`,
    { reason: 'MODEL_VERSION' },
  );
}

function notFound(model: string, version: string, problem: string): ServingError {
  const subject = version === '' ? `'${printable(model)}'` : `'${printable(model)}' version ${version}`;
  return new ServingError(
    'not_found',
    `Request for unknown model: ${subject} ${problem === '' ? 'is not found' : problem}`,
    {
      reason: 'MODEL_NOT_FOUND',
    },
  );
}

function notReady(model: string, version: string): ServingError {
  const subject = version === '' ? `'${printable(model)}'` : `'${printable(model)}' version ${version}`;
  return new ServingError('unavailable', `Request for unknown model: ${subject} is not at ready state`, {
    reason: 'MODEL_NOT_READY',
    retryAfterMs: 1000,
  });
}
