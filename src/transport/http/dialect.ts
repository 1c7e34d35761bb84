import { decodeSegment, noNames, pathOf, type Endpoints, type FoundEndpoint } from './endpoint-table.ts';
import type { PathNames } from './http-call.ts';
import type { ApiPart } from './open-api/api-part.ts';
import type { DescribedModel } from './open-api/described-model.ts';
import type { HttpReply } from './reply.ts';

/** The REST form of another server, at paths outside `/v2`. */
export interface Dialect {
  /**
   * By route. A segment of a route is its own text, or `{model}`, `{version}`, `{label}` or `{task}` with more text behind it:
   * `/v1/models/{model}:predict`. Colons inside a name are percent-encoded. The first route that fits counts.
   */
  readonly endpoints: Endpoints;
  /** The reply to anything thrown, in the form that the dialect's clients read. */
  readonly errorReply: (thrown: unknown) => HttpReply;
  /** All of its endpoints in OpenAPI. Called for whoever reads the description, so its code is loaded only then. */
  readonly describe: (models: readonly DescribedModel[]) => Promise<ApiPart>;
}

export interface FoundInDialect extends FoundEndpoint {
  readonly errorReply: Dialect['errorReply'];
}

type Name = Exclude<keyof PathNames, 'repository'>;

interface Segment {
  /** undefined for a segment that is its own text. */
  readonly name: Name | undefined;
  readonly text: string;
}

interface Route extends Pick<FoundInDialect, 'endpoint' | 'errorReply'> {
  readonly segments: readonly Segment[];
}

/** What a version is in a path: as in the protocol, nothing but digits. */
const versionForm = /^\d{1,18}$/;

/** The routes of all dialects of a server. Where two have the same path, the dialect that comes first answers. */
export class DialectRoutes {
  /** By how many segments they have. */
  readonly #routes: readonly (readonly Route[])[];

  constructor(dialects: readonly Omit<Dialect, 'describe'>[]) {
    const routes: Route[][] = [];
    for (const { endpoints, errorReply } of dialects) {
      for (const [route, endpoint] of endpoints) {
        const segments = segmentsOf(route);
        (routes[segments.length] ??= []).push({ segments, endpoint, errorReply });
      }
    }
    this.#routes = routes;
  }

  /** @throws invalid_argument for percent signs that encode nothing. */
  find(target: string): FoundInDialect | undefined {
    // The protocol's own paths, which come most often, are no dialect's.
    if (target.startsWith('/v2/')) return undefined;
    const path = pathOf(target).split('/');
    for (const { segments, endpoint, errorReply } of this.#routes[path.length] ?? []) {
      const names = match(segments, path);
      if (names !== undefined) return { endpoint, names, errorReply };
    }
    return undefined;
  }
}

function segmentsOf(route: string): Segment[] {
  return route.split('/').map((segment) => {
    const found = /^\{(\w+)\}(.*)$/.exec(segment);
    if (found === null) return { name: undefined, text: segment };
    const [, name = '', text = ''] = found;
    if (name !== 'model' && name !== 'version' && name !== 'label' && name !== 'task') {
      throw new Error(`bug: the route ${route} names ${name}`);
    }
    return { name, text };
  });
}

/** @param path of as many segments. */
function match(segments: readonly Segment[], path: readonly string[]): PathNames | undefined {
  let names = noNames;
  for (const [index, { name, text }] of segments.entries()) {
    const part = path[index] ?? '';
    if (name === undefined) {
      if (part !== text) return undefined;
      continue;
    }
    if (part.length <= text.length || !part.endsWith(text)) return undefined;
    const encoded = part.slice(0, part.length - text.length);
    if (encoded.includes(':')) return undefined;
    const value = decodeSegment(encoded);
    if (name === 'version' && !versionForm.test(value)) return undefined;
    names = { ...names, [name]: value };
  }
  return names;
}
