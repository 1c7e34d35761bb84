import type { IndexLine } from '../model-rows.ts';
import { parseReading, type MetricsReading } from '../reading.ts';

/** A failure that the server, or the lack of one, explains. */
export class ConsoleError extends Error {
  /** HTTP's; 0 where there was no answer. */
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** What the page may know besides the metrics. */
export interface ServerAnswer {
  readonly id: string;
  readonly version: string;
  readonly draining: boolean;
  readonly principal: string;
  readonly scopes: readonly string[];
  readonly index: readonly IndexLine[];
}

export type ActionName = 'load' | 'unload' | 'drain';

/** A scrape or an index that takes longer is given up. */
const timeoutMs = 10_000;

/** Talks to the server that the page came from. The key stays in memory, and in this tab until it is closed. */
export class ServerApi {
  #key = sessionStorage.getItem('tensorgate-key') ?? '';

  useKey(key: string): void {
    this.#key = key;
    sessionStorage.setItem('tensorgate-key', key);
  }

  async metrics(): Promise<MetricsReading> {
    const response = await send('../metrics', {
      headers: { accept: 'text/plain' },
      signal: AbortSignal.timeout(timeoutMs),
    });
    return parseReading(await response.text(), Date.now());
  }

  async server(): Promise<ServerAnswer> {
    const response = await send('api/server', {
      headers: this.#headers(),
      signal: AbortSignal.timeout(timeoutMs),
    });
    return (await response.json()) as ServerAnswer;
  }

  /** Resolves when it is done; loading a model may take minutes. */
  async act(name: ActionName, body: object): Promise<void> {
    const headers = { ...this.#headers(), 'content-type': 'application/json', 'x-tensorgate-console': '1' };
    await send(`api/${name}`, { method: 'POST', headers, body: JSON.stringify(body) });
  }

  #headers(): Record<string, string> {
    return this.#key === '' ? {} : { 'x-api-key': this.#key };
  }
}

async function send(path: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { ...init, credentials: 'omit', redirect: 'error' });
  } catch {
    throw new ConsoleError(0, 'the server does not answer');
  }
  if (response.ok) return response;
  throw new ConsoleError(response.status, await explanation(response));
}

async function explanation(response: Response): Promise<string> {
  try {
    const { error } = (await response.json()) as { readonly error?: unknown };
    if (typeof error === 'string') return error;
  } catch {
    // Whoever stands between has texts of its own.
  }
  return `status ${response.status}`;
}
