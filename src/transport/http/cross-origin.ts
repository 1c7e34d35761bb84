import { ServingError } from '../../errors.ts';
import type { PeerRequest } from './peer.ts';
import { emptyReply, type HttpReply } from './reply.ts';

const preflightHeaders: readonly string[] = [
  'Access-Control-Allow-Methods',
  'GET, POST, PUT, DELETE',
  'Access-Control-Allow-Headers',
  'authorization, content-encoding, content-type, inference-header-content-length, x-api-key, x-request-timeout-ms',
  'Access-Control-Max-Age',
  '600',
];

const exposedHeaders = 'Inference-Header-Content-Length, Retry-After, Tensorgate-Reason';

/** Which web pages may call. None but the server's own, unless the operator lists their origins. */
export class CrossOrigin {
  readonly #any: boolean;
  readonly #origins: ReadonlySet<string>;

  /** @param origins as browsers send them, `https://app.example`; `*` for all. */
  constructor(origins: readonly string[]) {
    this.#any = origins.includes('*');
    this.#origins = new Set(origins);
  }

  /**
   * Headers for a reply. Without them a browser keeps the reply from the page; that the request itself has no effect is
   * this refusal's part, because a page may send simple ones to any address that its visitor can reach.
   *
   * @throws permission_denied for a page of another origin.
   */
  check({ headers }: PeerRequest): readonly string[] {
    const { origin, host } = headers;
    if (origin === undefined) return noHeaders;
    if (this.#any || this.#origins.has(origin)) {
      return [
        'Access-Control-Allow-Origin',
        this.#any ? '*' : origin,
        'Access-Control-Expose-Headers',
        exposedHeaders,
        'Vary',
        'Origin',
      ];
    }
    if (origin.replace(/^https?:\/\//, '') === host) return noHeaders;
    throw new ServingError('permission_denied', 'web pages of this origin may not call this server', {
      reason: 'ORIGIN_NOT_ALLOWED',
    });
  }

  /** The answer to a browser that asks before it sends; undefined for all other requests. */
  preflight({ method, headers }: PeerRequest): HttpReply | undefined {
    if (method !== 'OPTIONS' || headers['access-control-request-method'] === undefined) return undefined;
    return headers.origin === undefined ? undefined : emptyReply(204, preflightHeaders);
  }
}

const noHeaders: readonly string[] = [];
