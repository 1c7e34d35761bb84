import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Logger } from '../../inference/logger.ts';
import type { TextFormat } from './exposition.ts';
import { prefersOpenMetrics } from './negotiate.ts';

/** Collectors are few; each holds one connection. */
const maxConnections = 32;

const headMs = 5_000;

/** A collector that takes nothing of its answer for so long is cut off. */
const stallMs = 30_000;

/** Longer than the usual intervals of collectors, so that they find their connection open. */
const idleMs = 90_000;

const maxHeadBytes = 8192;

/** Below it compressing saves less than it costs. */
const smallestGzipBytes = 4096;

const contentTypes = {
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
} as const satisfies Record<TextFormat, string>;

export interface MetricsServerOptions {
  readonly host: string;
  readonly port: number;
  readonly scrape: (format: TextFormat) => Promise<readonly Buffer[]>;
  /** Answers other paths than /metrics; false for those that it does not know. */
  readonly otherPaths?: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;
  readonly logger: Logger;
}

/** A running listener of metrics. Disposing it cuts off whoever is connected. */
export interface MetricsServer extends AsyncDisposable {
  /** Bound address, with the port that the system chose for 0. */
  readonly address: string;
}

/**
 * Serves GET /metrics, and what `otherPaths` knows, over HTTP/1.1.
 *
 * @throws what the system says when the address cannot be had; nothing is left open then.
 */
export async function startMetricsServer(options: MetricsServerOptions): Promise<MetricsServer> {
  const server = createServer(
    {
      headersTimeout: headMs,
      requestTimeout: headMs,
      connectionsCheckingInterval: headMs,
      keepAliveTimeout: idleMs,
      maxHeaderSize: maxHeadBytes,
    },
    (request, response) => void answer(request, response, options),
  );
  server.maxConnections = maxConnections;
  server.timeout = stallMs;
  await bind(server, options);
  server.on('error', (error) => options.logger.warn({ error }, 'metrics listener'));
  return {
    address: addressOf(server),
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { scrape, otherPaths, logger }: MetricsServerOptions,
): Promise<void> {
  const [path] = (request.url ?? '').split('?', 1);
  if (path !== '/metrics' && otherPaths?.(request, response) === true) return undefined;
  if (path !== '/metrics') return refuse(response, 404, 'Not Found');
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD');
    return refuse(response, 405, 'Method Not Allowed');
  }
  try {
    const format = prefersOpenMetrics(request.headers.accept ?? '') ? 'openmetrics' : 'prometheus';
    const parts = await scrape(format);
    response.setHeader('Content-Type', contentTypes[format]);
    response.setHeader('Vary', 'Accept, Accept-Encoding');
    await send(response, parts, /\bgzip\b/.test(String(request.headers['accept-encoding'])));
  } catch (error) {
    logger.error({ error }, 'metrics could not be told');
    if (!response.headersSent) refuse(response, 500, 'Internal Server Error');
  }
}

const compress = promisify(gzip);

async function send(response: ServerResponse, parts: readonly Buffer[], gzipped: boolean): Promise<void> {
  const sizeBytes = parts.reduce((sum, part) => sum + part.length, 0);
  if (gzipped && sizeBytes >= smallestGzipBytes) {
    // On the thread pool. The lowest level: text of this kind is a tenth of its size with any.
    const body = await compress(Buffer.concat(parts), { level: 1 });
    response.writeHead(200, { 'Content-Encoding': 'gzip', 'Content-Length': body.length });
    response.end(body);
    return;
  }
  response.writeHead(200, { 'Content-Length': sizeBytes });
  for (const part of parts) response.write(part);
  response.end();
}

/** A body that nobody reads ends with its connection. */
function refuse(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': text.length + 1,
    Connection: 'close',
  });
  response.end(`${text}\n`);
}

function bind(server: Server, { host, port }: MetricsServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function addressOf(server: Server): string {
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('bug: a listening server has no address');
  const host = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address;
  return `${host}:${bound.port}`;
}
