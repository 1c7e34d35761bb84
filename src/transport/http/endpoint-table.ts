import { refuse } from './refuse.ts';
import type { Endpoint, PathNames } from './http-call.ts';

/** Endpoints by pattern: the path below `/v2`, with `{model}`, `{repository}` or `{region}` for a name. */
export type Endpoints = ReadonlyMap<string, Endpoint>;

export interface FoundEndpoint {
  readonly endpoint: Endpoint;
  readonly names: PathNames;
}

export const noNames: PathNames = { model: '', version: '', repository: '', region: '', label: '' };

/**
 * Finds what a request's target means. Names are percent-decoded once, after the path was cut into segments, so that no
 * name can reach into another segment.
 *
 * @throws invalid_argument for percent signs that encode nothing.
 */
export function findEndpoint(endpoints: Endpoints, target: string): FoundEndpoint | undefined {
  const segments = pathOf(target).split('/');
  if (segments[0] !== '' || segments[1] !== 'v2' || segments[2] === '') return undefined;
  const [, , area = '', name = '', ...rest] = segments;
  if (area === 'models' && name !== '' && name !== 'stats') return findModel(endpoints, name, rest);
  if (area === 'models' && name === 'stats' && rest.length > 0) return findModel(endpoints, name, rest);
  if (area === 'repository') return findRepository(endpoints, segments.slice(3));
  if (name === 'region' && rest.length === 2 && rest[0] !== '') {
    const region = decodeSegment(rest[0] ?? '');
    return found(endpoints, `${area}/region/{region}/${rest[1]}`, { ...noNames, region });
  }
  return found(endpoints, segments.slice(2).join('/'), noNames);
}

function findModel(endpoints: Endpoints, name: string, rest: readonly string[]): FoundEndpoint | undefined {
  const model = decodeSegment(name);
  if (rest[0] !== 'versions') return found(endpoints, pattern(rest), { ...noNames, model });
  const [, version = '', ...action] = rest;
  // What does not count as a version is not a path, as in Triton.
  if (!/^\d{1,18}$/.test(version) || action[0] === 'trace') return undefined;
  return found(endpoints, pattern(action), { ...noNames, model, version });
}

function pattern(action: readonly string[]): string {
  return ['models/{model}', ...action].join('/');
}

function findRepository(endpoints: Endpoints, segments: readonly string[]): FoundEndpoint | undefined {
  const isNamed = segments[0] !== 'index' && segments[0] !== 'models';
  const [repository = '', rest] = isNamed ? [segments[0], segments.slice(1)] : ['', segments];
  if (isNamed && repository === '') return undefined;
  const names = { ...noNames, repository: decodeSegment(repository) };
  const [kind, name = '', ...action] = rest;
  if (kind !== 'models' || name === '') return found(endpoints, `repository/${rest.join('/')}`, names);
  const key = ['repository/models/{model}', ...action].join('/');
  return found(endpoints, key, { ...names, model: decodeSegment(name) });
}

function found(endpoints: Endpoints, key: string, names: PathNames): FoundEndpoint | undefined {
  const endpoint = endpoints.get(key);
  return endpoint === undefined ? undefined : { endpoint, names };
}

/** The path of a request target in origin form or, as proxies send it, absolute form. */
export function pathOf(target: string): string {
  const path = target.startsWith('/') ? target : target.replace(/^https?:\/\/[^/?#]*/i, '');
  const query = path.search(/[?#]/);
  return query === -1 ? path : path.slice(0, query);
}

/** What follows the path of a request target's question mark. */
export function queryOf(target: string): string {
  const start = target.indexOf('?');
  return start === -1 ? '' : target.slice(start + 1).replace(/#.*$/s, '');
}

/** @throws invalid_argument for percent signs that encode nothing. */
export function decodeSegment(segment: string): string {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    throw refuse.path();
  }
}
