import { ServingError } from '../../errors.ts';
import { CallContext } from '../../inference/call-context.ts';
import { anonymous, type Principal } from '../../inference/principal.ts';
import type { Clock } from '../../util/clock.ts';
import type { TimerWheel, WheelEntry } from '../../util/timer-wheel.ts';
import type { BodyBudget } from './body-budget.ts';
import { compress, inflateBody, replyEncoding, requestEncoding } from './content-encoding.ts';
import type { CrossOrigin } from './cross-origin.ts';
import { readTimeout } from './deadline.ts';
import type { DialectRoutes } from './dialect.ts';
import { findEndpoint, queryOf, type Endpoints } from './endpoint-table.ts';
import type { Endpoint, Handler, HttpCall, PathNames } from './http-call.ts';
import type { HttpLimits, HttpServerOptions } from './http-server-options.ts';
import type { LargeJson } from './large-json/large-json.ts';
import type { PeerRequest, PeerResponse } from './peer.ts';
import { isHopeless, receiveBody, type ReceiveLimits } from './receive-body.ts';
import { jsonReply, type HttpReply } from './reply.ts';
import { errorReply } from './status.ts';

/** Shorter replies gain nothing: what compression saves, it takes in time. */
const compressFromBytes = 8 * 1024;

/** What all exchanges of one server share. */
export interface ExchangeServices {
  readonly endpoints: Endpoints;
  readonly dialects: DialectRoutes;
  readonly authenticate: HttpServerOptions['authenticate'];
  readonly crossOrigin: CrossOrigin;
  readonly wheel: TimerWheel;
  readonly clock: Clock;
  readonly budget: BodyBudget;
  readonly limits: HttpLimits;
  readonly largeJson: LargeJson | undefined;
  /** From the start of draining requests are refused, also those that were on their way. */
  draining: boolean;
  /** The ports are closed: from here on replies end their connections. Who is told so earlier may come back, and be reset. */
  closed: boolean;
}

/** A request to a path and method that exist. */
interface Found {
  readonly endpoint: Endpoint;
  readonly handler: Handler;
  readonly names: PathNames;
}

/**
 * One request and its reply. It is over in two ways that come in any order: its handler has settled, and its response is
 * closed. The context is finished, and what the request held given back, after both.
 */
export class Exchange implements WheelEntry {
  dueAt = 0;
  nextDue: WheelEntry | undefined = undefined;
  previousDue: WheelEntry | undefined = undefined;
  slot = -1;
  readonly #request: PeerRequest;
  readonly #response: PeerResponse;
  readonly #services: ExchangeServices;
  #context: CallContext | undefined = undefined;
  /** The form of errors at the path that was asked for. */
  #errorReply = errorReply;
  #heldBytes = 0;
  #corsHeaders: readonly string[] = [];
  /** The client waits for leave to send its body (`Expect: 100-continue`). */
  #unsentBody: boolean;
  #answered = false;
  /** The reply has begun and is not complete. */
  #streaming = false;
  #refuseWriter: (() => void) | undefined = undefined;
  #working = true;
  #closed = false;

  constructor(
    request: PeerRequest,
    response: PeerResponse,
    services: ExchangeServices,
    body: 'sent' | 'awaits leave',
  ) {
    this.#request = request;
    this.#response = response;
    this.#services = services;
    this.#unsentBody = body === 'awaits leave';
    response.once('close', () => this.#close());
  }

  /** Never rejects: whatever happens becomes the reply. */
  async run(): Promise<void> {
    try {
      const reply = await this.#handle();
      this.#answer(reply);
      if (reply.more !== undefined) await this.#stream(reply.more);
    } catch (thrown) {
      this.#answer(this.#errorReply(thrown));
    }
    this.#working = false;
    this.#leave();
  }

  onDue(): void {
    const error = new ServingError('deadline_exceeded', 'deadline exceeded', { reason: 'DEADLINE_EXCEEDED' });
    this.#answer(this.#errorReply(error));
    this.#context?.cancel();
  }

  async #handle(): Promise<HttpReply> {
    const { crossOrigin, draining, limits } = this.#services;
    this.#corsHeaders = crossOrigin.check(this.#request);
    const preflight = crossOrigin.preflight(this.#request);
    if (preflight !== undefined) return preflight;
    const target = this.#find();
    if ('status' in target) return target;
    if (draining && target.endpoint.scope !== 'none') throw shuttingDown();
    const principal = this.#authorize(target.endpoint);
    const deadline = this.#startDeadline();
    const encoding = requestEncoding(this.#header('content-encoding'));
    const hasBody = this.#request.method === 'POST' || this.#request.method === 'PUT';
    const receive: ReceiveLimits = {
      maxBytes: limits.maxBodyBytes,
      hold: (sizeBytes) => this.#hold(sizeBytes),
    };
    let body = hasBody ? await this.#receive(receive) : noBytes;
    if (encoding !== 'identity' && body.length > 0) body = await inflateBody(encoding, body, receive);
    // Answered or given up while the body was on its way.
    if (this.#answered || this.#closed) throw clientGone();
    const context = new CallContext(this.#services.clock.now(), deadline, principal, body.length);
    context.front = 'http';
    const header = (name: string): string | undefined => this.#header(name);
    context.header = header;
    this.#context = context;
    const call: HttpCall = {
      context,
      path: target.names,
      query: queryOf(this.#request.url ?? ''),
      body,
      largeJson: this.#services.largeJson,
      header,
    };
    return target.handler(call);
  }

  #header(name: string): string | undefined {
    const value = this.#request.headers[name];
    return Array.isArray(value) ? value[0] : value;
  }

  #find(): Found | HttpReply {
    const { endpoints, dialects } = this.#services;
    const url = this.#request.url ?? '';
    const inDialect = dialects.find(url);
    if (inDialect !== undefined) this.#errorReply = inDialect.errorReply;
    const found = inDialect ?? findEndpoint(endpoints, url);
    if (found === undefined) return jsonReply({ error: 'Not Found' }, 404);
    const { endpoint, names } = found;
    const handler = handlerOf(endpoint, this.#request.method);
    if (handler !== undefined) return { endpoint, handler, names };
    const allowed = methods.filter((method) => handlerOf(endpoint, method) !== undefined);
    return jsonReply({ error: 'Method Not Allowed' }, 405, ['Allow', allowed.join(', ')]);
  }

  /** Endpoints that are open to everybody do not look at credentials at all, so that probes with stale ones work. */
  #authorize(endpoint: Endpoint): Principal {
    const isChange = this.#request.method !== 'GET' && this.#request.method !== 'HEAD';
    const scope = (isChange ? endpoint.changeScope : undefined) ?? endpoint.scope;
    if (scope === 'none') return anonymous;
    const asked = { path: this.#request.url ?? '', scope };
    const principal = this.#services.authenticate((name) => this.#header(name), asked);
    if (principal.scopes.has(scope)) return principal;
    throw new ServingError('permission_denied', `the scope '${scope}' is needed for this call`, {
      reason: 'SCOPE_MISSING',
    });
  }

  #startDeadline(): number {
    const timeoutMs = readTimeout((name) => this.#header(name));
    if (timeoutMs === Infinity) return Infinity;
    const deadline = this.#services.clock.now() + timeoutMs;
    this.#services.wheel.add(this, deadline);
    return deadline;
  }

  #hold(sizeBytes: number): void {
    this.#services.budget.take(sizeBytes);
    this.#heldBytes += sizeBytes;
  }

  #receive(limits: ReceiveLimits): Promise<Buffer> {
    const request = this.#request;
    if (this.#unsentBody && !isHopeless(request, limits.maxBytes)) {
      this.#unsentBody = false;
      this.#response.writeContinue();
    }
    return receiveBody(request, limits);
  }

  #answer(reply: HttpReply): void {
    if (this.#answered) return;
    this.#answered = true;
    this.#services.wheel.remove(this);
    if (this.#closed) return;
    if (reply.more !== undefined) {
      this.#streaming = true;
      this.#send(reply, []);
      return;
    }
    const encoding = this.#encodingOf(reply);
    if (encoding === 'identity') this.#send(reply, []);
    else {
      void compress(encoding, reply.pieces).then(
        (piece) => this.#send({ ...reply, pieces: [piece] }, ['Content-Encoding', encoding]),
        () => this.#send(reply, []),
      );
    }
  }

  /** The rest of a reply, at the client's pace. @param more Of a reply that may not be the one that was sent. */
  async #stream(more: NonNullable<HttpReply['more']>): Promise<void> {
    try {
      await more((piece) => this.#write(piece));
    } catch {
      // Nobody reads any more: the context was cancelled with that.
    }
    if (this.#streaming && !this.#closed) {
      this.#response.end();
      this.#limitStall();
    }
    this.#streaming = false;
  }

  #write(piece: Uint8Array): Promise<void> {
    if (!this.#streaming || this.#closed) return Promise.reject(clientGone());
    if (piece.length === 0 || this.#response.write(piece)) return Promise.resolve();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#refuseWriter = () => reject(clientGone());
    this.#limitStall();
    this.#response.once('drain', () => {
      this.#response.socket?.setTimeout(0);
      resolve();
    });
    return promise;
  }

  #encodingOf({ compressible, pieces }: HttpReply): 'identity' | 'gzip' | 'deflate' {
    if (!compressible || sizeOf(pieces) < compressFromBytes) return 'identity';
    return replyEncoding(this.#header('accept-encoding'));
  }

  #send({ status, contentType, headers, pieces, compressible }: HttpReply, more: readonly string[]): void {
    const response = this.#response;
    if (this.#closed) return;
    const fields = [...headers, ...more, ...this.#corsHeaders];
    if (!this.#streaming) fields.push('Content-Length', String(sizeOf(pieces)));
    if (contentType !== '') fields.push('Content-Type', contentType);
    if (compressible) fields.push('Vary', 'Accept-Encoding');
    // A body that nobody read, or will read, would be taken for the next request.
    if (
      this.#services.closed ||
      (this.#services.draining && status === 503) ||
      this.#unsentBody ||
      isHopeless(this.#request, this.#services.limits.maxBodyBytes)
    ) {
      fields.push('Connection', 'close');
    }
    response.writeHead(status, fields);
    response.cork();
    for (const piece of pieces) response.write(piece);
    if (!this.#streaming) response.end();
    response.uncork();
    if (!this.#streaming) this.#limitStall();
  }

  /** What is written must leave, if only slowly. */
  #limitStall(): void {
    const { socket } = this.#response;
    if (socket !== null && socket.writableLength > 0) socket.setTimeout(this.#services.limits.stallMs);
  }

  #close(): void {
    this.#closed = true;
    if (!this.#answered || this.#streaming) this.#context?.cancel();
    this.#refuseWriter?.();
    this.#services.wheel.remove(this);
    this.#leave();
  }

  #leave(): void {
    if (this.#working || !this.#closed) return;
    this.#context?.finish();
    this.#services.budget.release(this.#heldBytes);
    this.#heldBytes = 0;
  }
}

const noBytes = Buffer.alloc(0);

const methods = ['GET', 'POST', 'PUT', 'DELETE'] as const;

function handlerOf(endpoint: Endpoint, method: string | undefined): Handler | undefined {
  if (method === 'GET' || method === 'HEAD') return endpoint.get;
  if (method === 'POST') return endpoint.post;
  if (method === 'PUT') return endpoint.put;
  return method === 'DELETE' ? endpoint.delete : undefined;
}

function sizeOf(pieces: readonly Uint8Array[]): number {
  let sizeBytes = 0;
  for (const piece of pieces) sizeBytes += piece.length;
  return sizeBytes;
}

function shuttingDown(): ServingError {
  return new ServingError(
    'unavailable',
    'HTTP server is shutting down and has stopped accepting new requests.',
    {
      reason: 'SHUTTING_DOWN',
    },
  );
}

function clientGone(): ServingError {
  return new ServingError('cancelled', 'the client is gone', { reason: 'CANCELLED' });
}
