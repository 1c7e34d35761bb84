import type { TlsOptions } from 'node:tls';
import type { Logger } from '../../inference/logger.ts';
import type { Clock } from '../../util/clock.ts';
import { ConnectionError } from '../h2/connection-error.ts';
import { defaultLimits, type H2Limits } from '../h2/limits.ts';
import { H2Listener, type ListenAddress } from '../h2/listener.ts';
import type { StreamOpener } from './h2-acceptor.ts';
import { defaultHttpLimits, type HttpLimits, type HttpServer, type HttpTls } from './http-server-options.ts';
import type { HttpFront } from './http-server.ts';

/** What one connection of HTTP/2 may have open at a time. Java's client fails calls beyond it instead of waiting, so it is no less than gRPC's. */
const maxConcurrentStreams = 1024;

export interface HttpListenOptions {
  readonly listen: ListenAddress;
  readonly tls: HttpTls | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Bounds other than the defaults. */
  readonly limits?: Partial<HttpLimits>;
}

/**
 * Opens a port for the front: HTTP/1.1, and HTTP/2 with prior knowledge or by ALPN. Draining the
 * port resolves when the front is drained too.
 *
 * @throws what the system says when the address cannot be had; nothing is left open then.
 */
export async function listenHttp(front: HttpFront, options: HttpListenOptions): Promise<HttpServer> {
  const { listen, tls, clock, logger } = options;
  const listener = await H2Listener.start<StreamOpener>({
    listen,
    tls: tls === undefined ? undefined : tlsOptions(tls),
    limits: h2Limits({ ...defaultHttpLimits, ...options.limits }),
    clock,
    acceptor: { readRequest: front.readRequest, open: (stream, opener) => opener(stream) },
    onOther: front.take,
    onFailure(peer, error) {
      if (!(error instanceof ConnectionError)) {
        logger.error({ peer, error }, 'HTTP/2 connection ended over an unexpected error');
      } else if (error.limit === undefined) {
        logger.debug({ peer, error }, 'HTTP/2 connection ended over an error of its peer');
      } else {
        logger.warn({ peer, limit: error.limit }, 'HTTP/2 connection ended: its peer exceeded a limit');
      }
    },
  });
  tls?.onReload((context) => listener.setSecureContext(context));
  return {
    address: listener.address,
    port: listener.port,
    drain: (graceMs) => listener.drain(graceMs),
  };
}

function h2Limits(limits: HttpLimits): H2Limits {
  return {
    ...defaultLimits,
    maxHeaderListBytes: limits.maxHeaderBytes,
    maxConnections: limits.maxConnections,
    maxConcurrentStreams,
    maxTotalBytes: limits.maxHeldBytes,
    slowFrameMs: limits.headMs,
    windowStallMs: limits.stallMs,
    maxIdleMs: limits.idleMs,
  };
}

function tlsOptions(tls: HttpTls): TlsOptions {
  return { ...tls.context, requestCert: tls.mutual, rejectUnauthorized: tls.mutual };
}
