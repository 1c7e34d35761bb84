import type { Client } from '../client/client.ts';
import { parseReading, type MetricsReading } from '../console/reading.ts';
import type { IndexLine } from '../console/model-rows.ts';
import { ServingError } from '../errors.ts';
import { usageError } from './command.ts';

/** What one look at a server found. */
export interface TopReading {
  readonly metrics: MetricsReading;
  /** Empty where it could not be had. */
  readonly index: readonly IndexLine[];
  /** Why the index could not be had; '' where it could. */
  readonly indexProblem: string;
}

export interface TopSource {
  readonly url: URL;
  /** @throws ServingError with reason UNREACHABLE when there are no metrics at the address. */
  read(): Promise<TopReading>;
}

export interface TopSourceOptions {
  readonly url: URL;
  readonly client: Pick<Client, 'index'>;
  readonly timeoutMs: number;
}

/** A server with thousands of models tells some tens of megabytes. */
const maxPageBytes = 256 * 1024 * 1024;

/** Its numbers are on the page of metrics; that models are loading, or failed to, is said by gRPC alone. */
export function createTopSource({ url, client, timeoutMs }: TopSourceOptions): TopSource {
  return {
    url,
    async read() {
      const [metrics, { index, indexProblem }] = await Promise.all([
        readPage(url, timeoutMs),
        readIndex(client, timeoutMs),
      ]);
      return { metrics, index, indexProblem };
    },
  };
}

async function readPage(url: URL, timeoutMs: number): Promise<MetricsReading> {
  let text: string;
  try {
    const headers = { accept: 'text/plain' };
    const response = await fetch(url, { headers, redirect: 'error', signal: AbortSignal.timeout(timeoutMs) });
    if (!response.ok) throw new Error(`status ${response.status}`);
    text = await limitedText(response);
  } catch (error) {
    throw unreachable(url, error);
  }
  const reading = parseReading(text, Date.now());
  if (reading.server.has('tensorgate_build_info')) return reading;
  throw unreachable(url, new Error('it tells no metrics of this server'));
}

async function limitedText(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const part of response.body ?? []) {
    text += decoder.decode(part, { stream: true });
    if (text.length > maxPageBytes) throw new Error('its page is too large');
  }
  return text;
}

function unreachable(url: URL, cause: unknown): ServingError {
  const why = deepest(cause);
  return new ServingError(
    'unavailable',
    `no metrics at ${url.href} (${why}): is the server running, and its --metrics-port this one? --metrics names another one`,
    { reason: 'UNREACHABLE', cause },
  );
}

/** fetch wraps what happened in errors that say nothing. */
function deepest(error: unknown): string {
  let inner = error;
  while (inner instanceof Error && inner.cause instanceof Error) inner = inner.cause;
  if (!(inner instanceof Error)) return String(inner);
  return 'code' in inner && typeof inner.code === 'string' ? inner.code : inner.message;
}

async function readIndex(
  client: Pick<Client, 'index'>,
  timeoutMs: number,
): Promise<Pick<TopReading, 'index' | 'indexProblem'>> {
  try {
    return { index: await client.index('all', { timeoutMs }), indexProblem: '' };
  } catch (error) {
    if (!(error instanceof ServingError)) throw error;
    return { index: [], indexProblem: error.code.replaceAll('_', ' ') };
  }
}

const metricsPort = 8002;

/**
 * Where the metrics are: a URL, or `host:port`, or else on the host of the gRPC address.
 *
 * @throws ServingError with reason USAGE
 */
export function metricsUrl(given: string | undefined, grpcAddress: string): URL {
  if (given === undefined) {
    const [, host = '127.0.0.1'] = /^(\[[^\]]+\]|[^:/]+)(?::\d+)?$/.exec(grpcAddress) ?? [];
    return new URL(`http://${host}:${metricsPort}/metrics`);
  }
  const text = /^https?:\/\//.test(given) ? given : `http://${given}`;
  if (!URL.canParse(text))
    throw usageError(`--metrics must be host:port or a URL, got ${JSON.stringify(given)}`);
  const url = new URL(text);
  if (url.pathname === '/') url.pathname = '/metrics';
  return url;
}
