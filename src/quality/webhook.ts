import { createHmac, randomUUID } from 'node:crypto';
import { ExporterBreaker, type ExporterReading } from '../inference/exporter-breaker.ts';
import type { Logger } from '../inference/logger.ts';
import type { Clock } from '../util/clock.ts';
import type { MonitorEvent } from './version-monitor.ts';

/** Events that wait to be told; later ones are dropped until there is room. */
const mostWaiting = 100;

/** Tries of one event; the pause after each is twice as long as the one before. */
const tries = 6;
const firstPauseMs = 1000;
const answerMs = 10_000;

export interface WebhookOptions {
  readonly url: string;
  /** Key of the signature. */
  readonly secret: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Posts and resolves to the status; rejects when nothing answers. */
  readonly post?: (
    url: string,
    headers: Readonly<Record<string, string>>,
    body: string,
    signal: AbortSignal,
  ) => Promise<number>;
}

/**
 * Tells events to a URL, one after the other: JSON, signed with HMAC-SHA256 over the time and the body, so that the receiver can
 * tell it from what anybody else sends, also later. What is not taken is tried again, and waits while the URL is known not to answer.
 */
export class Webhook implements Disposable {
  readonly #options: WebhookOptions;
  readonly #breaker: ExporterBreaker;
  readonly #waiting: string[] = [];
  #sending = false;
  #pause: Disposable | undefined = undefined;
  #closed = false;
  /** A process that ends waits for nobody's answer. */
  readonly #stop = new AbortController();

  constructor(options: WebhookOptions) {
    this.#options = options;
    this.#breaker = new ExporterBreaker({ exporter: 'webhook', ...options });
  }

  reading(): ExporterReading {
    return this.#breaker.read();
  }

  send(event: MonitorEvent): void {
    const { clock, logger } = this.#options;
    if (this.#closed) return;
    if (this.#waiting.length >= mostWaiting) {
      logger.warn(
        { event: event.kind, model: event.model },
        'webhook: too many events wait, one was dropped',
      );
      return;
    }
    const { kind, model, version, details } = event;
    const at = new Date(clock.epochMs()).toISOString();
    this.#waiting.push(JSON.stringify({ id: randomUUID(), event: kind, model, version, at, details }));
    if (!this.#sending) this.#sendNext(1);
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#stop.abort();
    this.#waiting.length = 0;
    this.#pause?.[Symbol.dispose]();
    this.#breaker[Symbol.dispose]();
  }

  #sendNext(attempt: number): void {
    const [body] = this.#waiting;
    this.#sending = body !== undefined && !this.#closed;
    if (!this.#sending || body === undefined) return;
    if (this.#breaker.refusing) {
      const retryMs = this.#breaker.retryAfterMs();
      this.#pause = this.#options.clock.after(retryMs, () => this.#sendNext(attempt));
      return;
    }
    void this.#post(body).then((problem) => this.#settle(problem, attempt));
  }

  #settle(problem: string, attempt: number): void {
    if (this.#closed) return;
    const { clock, logger } = this.#options;
    if (problem === '' || attempt === tries) {
      if (problem !== '') logger.error({ problem, tries }, 'webhook: an event was given up');
      this.#waiting.shift();
      this.#sendNext(1);
      return;
    }
    this.#pause = clock.after(firstPauseMs * 2 ** (attempt - 1), () => this.#sendNext(attempt + 1));
  }

  /** @returns what went wrong; '' when it was taken. */
  async #post(body: string): Promise<string> {
    const { url, secret, clock, post = postJson } = this.#options;
    const timestamp = String(Math.floor(clock.epochMs() / 1000));
    const begun = this.#breaker.begin();
    const signature = createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex');
    try {
      const status = await post(
        url,
        {
          'content-type': 'application/json',
          'x-tensorgate-timestamp': timestamp,
          'x-tensorgate-signature': `sha256=${signature}`,
        },
        body,
        this.#stop.signal,
      );
      this.#breaker.end(begun, outcomeOf(status));
      return status >= 200 && status < 300 ? '' : `status ${status}`;
    } catch (error) {
      this.#breaker.end(begun, 'failure');
      return error instanceof Error ? error.message : String(error);
    }
  }
}

/** A receiver that refuses an event works. */
function outcomeOf(status: number): 'success' | 'failure' | 'neutral' {
  if (status >= 500 || status === 429) return 'failure';
  return status >= 200 && status < 300 ? 'success' : 'neutral';
}

/** A redirect is an answer that is not followed: the secret's holder is at the URL that was given. */
async function postJson(
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string,
  stop: AbortSignal,
): Promise<number> {
  const signal = AbortSignal.any([stop, AbortSignal.timeout(answerMs)]);
  const response = await fetch(url, { method: 'POST', headers, body, redirect: 'manual', signal });
  await response.body?.cancel();
  return response.status;
}
