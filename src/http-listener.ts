import type { Options } from './config/options.ts';
import type { ListenContext } from './grpc-listeners.ts';
import type { HttpServer, HttpServerOptions } from './transport/http/http-server-options.ts';

/** What the HTTP front serves; the same as the gRPC front. */
export type HttpFront = Pick<
  HttpServerOptions,
  | 'infer'
  | 'catalog'
  | 'control'
  | 'settings'
  | 'sharedMemory'
  | 'serverName'
  | 'serverVersion'
  | 'extensions'
  | 'around'
>;

/** The HTTP listener; undefined when HTTP is off, and then its code is not loaded. */
export async function listenHttp(
  { http, server }: Options,
  front: HttpFront,
  { authenticate, clock, logger }: ListenContext,
): Promise<HttpServer | undefined> {
  if (!http.enabled) return undefined;
  const { startHttpServer } = await import('./transport/http/http-server.ts');
  const { createDialects } = await import('./transport/http/dialects/create-dialects.ts');
  return startHttpServer({
    ...front,
    listen: { host: http.address, port: http.port, reusePort: server.ioThreads > 1 },
    authenticate,
    clock,
    logger,
    corsOrigins: http.corsOrigins,
    createDialects: ({ maxBodyBytes }) => createDialects(server.dialects, { ...front, maxBodyBytes }),
    limits: { maxBodyBytes: http.maxInputBytes, maxHeldBytes: server.byteBudget },
  });
}
