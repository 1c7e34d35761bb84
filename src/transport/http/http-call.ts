import type { CallContext } from '../../inference/call-context.ts';
import type { Scope } from '../../inference/principal.ts';
import type { LargeJson } from './large-json/large-json.ts';
import type { HttpReply } from './reply.ts';

/** What a handler sees of a request. */
export interface HttpCall {
  readonly context: CallContext;
  /** Names in the path, decoded; '' where the path has none. */
  readonly path: PathNames;
  /** Behind the path's question mark, still encoded; '' without any. */
  readonly query: string;
  /** Received and decompressed as a whole; empty for GET. */
  readonly body: Buffer;
  /** Reads large bodies; left out, they are read like others. */
  readonly largeJson?: LargeJson | undefined;
  /** By lower-case name. */
  header(name: string): string | undefined;
}

export interface PathNames {
  readonly model: string;
  readonly version: string;
  /** Of a model repository. */
  readonly repository: string;
  /** Of shared memory. */
  readonly region: string;
  /** Of a version of the model. */
  readonly label: string;
  /** Only paths of tasks have it. */
  readonly task?: string;
}

/** A thrown or rejected ServingError becomes the reply. */
export type Handler = (call: HttpCall) => HttpReply | Promise<HttpReply>;

/** What can be done at a path. */
export interface Endpoint {
  /** Which scope a caller needs; 'none' for probes. */
  readonly scope: Scope | 'none';
  readonly get: Handler | undefined;
  readonly post: Handler | undefined;
  readonly put?: Handler | undefined;
  readonly delete?: Handler | undefined;
  /** The scope for everything but GET, where that is another one. */
  readonly changeScope?: Scope;
}

export function reads(scope: Endpoint['scope'], get: Handler): Endpoint {
  return { scope, get, post: undefined };
}

export function takes(scope: Endpoint['scope'], post: Handler): Endpoint {
  return { scope, get: undefined, post };
}
