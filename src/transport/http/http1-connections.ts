import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import type { Socket } from 'node:net';
import type { HttpLimits } from './http-server-options.ts';

/** How often Node looks for slow heads and requests. */
const slownessCheckMs = 1000;

export type ServeHttp1 = (
  request: IncomingMessage,
  response: ServerResponse,
  body: 'sent' | 'awaits leave',
) => void;

/** Told of what a connection exceeded that is ended for it. */
type OnLimit = (socket: Socket, limit: 'connections' | 'pipelined') => void;

/** Connections that speak HTTP/1.1. Others accept them: Node's server is used without a port of its own. */
export class Http1Connections {
  readonly #server: Server;
  readonly #limits: HttpLimits;
  readonly #serve: ServeHttp1;
  readonly #onLimit: OnLimit;
  /** How many requests of each connection wait for their replies. */
  readonly #waiting = new Map<Socket, number>();
  #onEmpty: (() => void) | undefined = undefined;

  constructor(limits: HttpLimits, serve: ServeHttp1, onLimit: OnLimit) {
    this.#limits = limits;
    this.#onLimit = onLimit;
    this.#serve = serve;
    this.#server = createServer(serverOptions(limits));
    this.#server.on('request', (request, response) => this.#open(request, response, 'sent'));
    this.#server.on('checkContinue', (request, response) => this.#open(request, response, 'awaits leave'));
    // Node looks for slow clients from here on, and a server without a port never says so by itself.
    this.#server.emit('listening');
  }

  /** @param first what was read of the socket, which is paused then; empty when nothing was. */
  take(socket: Socket, first: Buffer): void {
    if (this.#waiting.size >= this.#limits.maxConnections) {
      this.#onLimit(socket, 'connections');
      socket.destroy();
      return;
    }
    this.#waiting.set(socket, 0);
    socket.once('close', () => this.#forget(socket));
    socket.allowHalfOpen = true;
    if (first.length > 0) socket.unshift(first);
    this.#server.emit('connection', socket);
    if (first.length > 0) socket.resume();
  }

  get open(): number {
    return this.#waiting.size;
  }

  /** Ends connections without requests. Resolves when the last connection is gone. No more may be taken. */
  async drain(): Promise<void> {
    this.#server.close();
    const empty = new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
    for (const [socket, waiting] of this.#waiting) if (waiting === 0) socket.destroy();
    if (this.#waiting.size > 0) await empty;
  }

  destroyAll(): void {
    for (const socket of this.#waiting.keys()) socket.destroy();
  }

  #open(request: IncomingMessage, response: ServerResponse, body: 'sent' | 'awaits leave'): void {
    const { socket } = request;
    // Of one that was ended Node goes on with what it has read.
    if (socket.destroyed) return;
    const waiting = (this.#waiting.get(socket) ?? 0) + 1;
    if (waiting > this.#limits.maxPipelined) {
      // It sends more than it reads.
      this.#onLimit(socket, 'pipelined');
      socket.destroy();
      return;
    }
    this.#waiting.set(socket, waiting);
    response.once('close', () => {
      const left = this.#waiting.get(socket);
      if (left !== undefined) this.#waiting.set(socket, left - 1);
    });
    this.#serve(request, response, body);
  }

  #forget(socket: Socket): void {
    this.#waiting.delete(socket);
    if (this.#waiting.size === 0) this.#onEmpty?.();
  }
}

function serverOptions(limits: HttpLimits): ServerOptions {
  return {
    maxHeaderSize: limits.maxHeaderBytes,
    headersTimeout: limits.headMs,
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.idleMs,
    connectionsCheckingInterval: Math.min(slownessCheckMs, limits.headMs),
  };
}
