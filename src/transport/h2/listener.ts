import { unlinkSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import {
  createServer as createTlsServer,
  type SecureContextOptions,
  type Server as TlsServer,
  type TlsOptions,
  type TLSSocket,
} from 'node:tls';
import type { Clock } from '../../util/clock.ts';
import { polled } from '../../util/polled.ts';
import { ByteBudget } from './byte-budget.ts';
import { Connection, type ConnectionShared } from './connection.ts';
import { ConnectionError } from './connection-error.ts';
import { lingerMs } from './connection-life.ts';
import { createCounters, type H2Counters } from './counters.ts';
import type { H2Limits } from './limits.ts';
import { OutputBuffers } from './output.ts';
import { errorCode } from './protocol.ts';
import type { StreamAcceptor } from './receiver.ts';
import { sniffProtocol } from './sniff.ts';

export type ListenAddress =
  | { readonly host: string; readonly port: number; readonly reusePort?: boolean }
  | { readonly unixPath: string };

export interface ListenerOptions<R> {
  readonly listen: ListenAddress;
  /** With it, only TLS connections that negotiate `h2` by ALPN are served; without, HTTP/2 with prior knowledge. */
  readonly tls: TlsOptions | undefined;
  /**
   * Takes connections that speak something else, with what was read of them. They are no business of the listener's any
   * more, but for `drain`, which resolves when they are closed too. Without it they end.
   */
  readonly onOther?: ((socket: Socket, first: Buffer) => void) | undefined;
  readonly limits: H2Limits;
  readonly clock: Clock;
  readonly acceptor: StreamAcceptor<R>;
  readonly onFailure: (peer: string, error: unknown) => void;
}

const noBytes = Buffer.alloc(0);

/**
 * How long sockets that have not shown yet what they want stay open when draining begins: a request may be on its way on any of
 * them, and its sender is to be told that it was not run.
 */
const undecidedLingerMs = 100;

const longestSweepMs = 1000;
const shortestSweepMs = 5;

/** Time limits are looked at several times within the shortest of them. */
function sweepInterval(limits: H2Limits): number {
  const shortest = Math.min(
    limits.windowStallMs,
    limits.slowRequestGraceMs,
    limits.slowFrameMs,
    limits.settingsAckMs,
    limits.keepaliveTimeMs,
    limits.keepaliveTimeoutMs,
    limits.maxIdleMs,
    limits.maxAgeMs,
    limits.maxAgeGraceMs,
    lingerMs,
  );
  return Math.min(longestSweepMs, Math.max(shortestSweepMs, shortest / 4));
}

function peerOf(socket: Socket, listen: ListenAddress): string {
  if ('unixPath' in listen) return `unix:${listen.unixPath}`;
  const { remoteAddress, remotePort, remoteFamily } = socket;
  return remoteFamily === 'IPv6' ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`;
}

function handshakeKey(socket: Socket): string {
  return `${socket.remoteAddress}:${socket.remotePort}`;
}

/** A listening HTTP/2 server: accepts connections, watches their time limits, drains them. */
export class H2Listener<R> {
  readonly counters: H2Counters = createCounters();
  readonly server: Server;
  readonly #options: ListenerOptions<R>;
  readonly #shared: ConnectionShared<R>;
  readonly #connections = new Set<Connection<R>>();
  readonly #sweepMs: number;
  #sweep: Disposable | undefined = undefined;
  #drained: Promise<void> | undefined = undefined;
  #onEmpty: (() => void) | undefined = undefined;
  #graceMs = 0;
  #isDraining = false;
  #tlsServer: TlsServer | undefined = undefined;
  /** Sockets whose TLS handshake is not done. */
  readonly #handshaking = new Map<string, Socket>();
  /** Sockets that have not shown yet what they speak. */
  readonly #undecided = new Set<Socket>();
  /** Sockets that speak something else and showed it while draining: nobody else may know of them in time. */
  readonly #late = new Set<Socket>();

  private constructor(options: ListenerOptions<R>) {
    const { limits, clock, acceptor, onFailure } = options;
    this.#options = options;
    this.#shared = {
      limits,
      counters: this.counters,
      clock,
      buffers: new OutputBuffers(),
      budget: new ByteBudget(limits.maxTotalBytes, this.counters),
      acceptor,
      onFailure,
    };
    this.#sweepMs = sweepInterval(limits);
    this.server = this.#createServer();
  }

  /** Resolves when the address is bound; rejects when it cannot be. */
  static async start<R>(options: ListenerOptions<R>): Promise<H2Listener<R>> {
    const listener = new H2Listener(options);
    await listener.#listen();
    return listener;
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  /** The bound port; 0 for a Unix socket. */
  get port(): number {
    const address = this.server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** 'host:port' with IPv6 in brackets, or 'unix:<path>'. */
  get address(): string {
    const { listen } = this.#options;
    if ('unixPath' in listen) return `unix:${listen.unixPath}`;
    const address = this.server.address();
    if (typeof address !== 'object' || address === null) return `${listen.host}:0`;
    const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
    return `${host}:${address.port}`;
  }

  /** Replaces the certificates; connections that are open keep theirs. For TLS listeners only. */
  setSecureContext(context: SecureContextOptions): void {
    this.#tlsServer?.setSecureContext(context);
  }

  /** Stops accepting, tells every client to go, and cuts off what is open after `graceMs`. Idempotent. */
  async drain(graceMs: number): Promise<void> {
    this.#drained ??= this.#drain(graceMs);
    await this.#drained;
  }

  async #drain(graceMs: number): Promise<void> {
    this.#isDraining = true;
    this.#graceMs = graceMs;
    // Clients that are connected already, as far as they can tell, would be reset: let them in first.
    if (graceMs > 0) await polled();
    const closed = new Promise<void>((resolve) => {
      this.server.close(() => resolve());
    });
    const empty = new Promise<void>((resolve) => {
      if (this.#connections.size === 0) resolve();
      else this.#onEmpty = resolve;
    });
    for (const connection of this.#connections) connection.drain(graceMs);
    const { clock } = this.#options;
    using _cutOff = clock.after(graceMs, () => this.#destroyAll());
    if (graceMs === 0) this.#destroyUndecided();
    using _linger = clock.after(Math.min(undecidedLingerMs, graceMs), () => this.#destroyUndecided());
    await Promise.all([closed, empty]);
    this.#sweep?.[Symbol.dispose]();
    this.#sweep = undefined;
  }

  #destroyUndecided(): void {
    for (const socket of this.#handshaking.values()) socket.destroy();
    for (const socket of this.#undecided) socket.destroy();
  }

  #destroyAll(): void {
    for (const connection of this.#connections) connection.destroy();
    for (const socket of this.#late) socket.destroy();
  }

  #other(socket: Socket, first: Buffer, onOther: (socket: Socket, first: Buffer) => void): void {
    if (this.#isDraining) {
      this.#late.add(socket);
      socket.once('close', () => this.#late.delete(socket));
    }
    onOther(socket, first);
  }

  #createServer(): Server {
    const { tls, limits, onOther } = this.#options;
    if (tls === undefined) {
      return createServer({ noDelay: true }, (socket) => {
        if (onOther === undefined) this.#accept(socket);
        else this.#sniff(socket, onOther);
      });
    }
    const server = createTlsServer(
      {
        ...tls,
        ALPNProtocols: onOther === undefined ? ['h2'] : ['h2', 'http/1.1', 'http/1.0'],
        handshakeTimeout: Math.min(limits.slowFrameMs, 120_000),
      },
      (socket) => {
        this.#handshaking.delete(handshakeKey(socket));
        if (socket.alpnProtocol === 'h2') this.#accept(socket);
        else if (onOther === undefined) socket.destroy();
        else this.#other(socket, noBytes, onOther);
      },
    );
    this.#tlsServer = server;
    server.on('connection', (socket: Socket) => this.#trackHandshake(socket));
    server.on('tlsClientError', (_error, socket: TLSSocket) => socket.destroy());
    return server;
  }

  /** TLS sockets do not say which socket they stand on, so the peer's address has to tell. */
  #trackHandshake(socket: Socket): void {
    socket.setNoDelay(true);
    const key = handshakeKey(socket);
    this.#handshaking.set(key, socket);
    socket.once('close', () => {
      if (this.#handshaking.get(key) === socket) this.#handshaking.delete(key);
    });
  }

  #sniff(socket: Socket, onOther: (socket: Socket, first: Buffer) => void): void {
    const { clock, limits } = this.#options;
    if (this.#undecided.size >= limits.maxConnections) {
      this.#refuse(socket);
      return;
    }
    this.#undecided.add(socket);
    const forget = (): void => void this.#undecided.delete(socket);
    socket.once('close', forget);
    sniffProtocol(socket, {
      clock,
      timeoutMs: limits.slowFrameMs,
      decided: (protocol, first) => {
        forget();
        socket.off('close', forget);
        if (protocol === 'other') this.#other(socket, first, onOther);
        else this.#accept(socket, first);
      },
    });
  }

  #refuse(socket: Socket): void {
    const { listen, onFailure } = this.#options;
    this.counters.limitHits.connections++;
    onFailure(
      peerOf(socket, listen),
      new ConnectionError(errorCode.enhanceYourCalm, 'too many connections', 'connections'),
    );
    socket.destroy();
  }

  /** @param first what was read of the socket already. */
  #accept(socket: Socket, first: Buffer = noBytes): void {
    if (this.#connections.size >= this.#options.limits.maxConnections) {
      this.#refuse(socket);
      return;
    }
    this.counters.connectionsOpened++;
    const connection = new Connection(socket, peerOf(socket, this.#options.listen), this.#shared, (gone) =>
      this.#remove(gone),
    );
    this.#connections.add(connection);
    if (first.length > 0) connection.receive(first);
    if (this.#isDraining) connection.drain(this.#graceMs);
    this.#sweep ??= this.#scheduleSweep();
  }

  #remove(connection: Connection<R>): void {
    if (!this.#connections.delete(connection)) return;
    this.counters.connectionsClosed++;
    if (this.#connections.size === 0) this.#onEmpty?.();
  }

  /** One timer for all connections, running while there are any. */
  #scheduleSweep(): Disposable {
    return this.#options.clock.after(this.#sweepMs, () => {
      this.#sweep = undefined;
      const now = this.#options.clock.now();
      for (const connection of this.#connections) connection.check(now);
      if (this.#connections.size > 0) this.#sweep = this.#scheduleSweep();
    });
  }

  async #listen(): Promise<void> {
    const { listen } = this.#options;
    try {
      await this.#bind();
    } catch (error) {
      if (!('unixPath' in listen) || !(await isStaleSocket(listen.unixPath, error))) throw error;
      unlinkSync(listen.unixPath);
      await this.#bind();
    }
  }

  async #bind(): Promise<void> {
    const { listen } = this.#options;
    const { server } = this;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      const onListening = (): void => {
        server.removeListener('error', reject);
        server.on('error', (error) => this.#options.onFailure('listener', error));
        resolve();
      };
      if ('unixPath' in listen) server.listen({ path: listen.unixPath, backlog: 511 }, onListening);
      else server.listen({ ...listen, backlog: 511 }, onListening);
    });
  }
}

/** True when the path is taken by a socket file that nobody listens on any more. */
async function isStaleSocket(path: string, error: unknown): Promise<boolean> {
  if (!(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')) return false;
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(false);
    });
    probe.once('error', (failure: Error & { code?: string }) => resolve(failure.code === 'ECONNREFUSED'));
  });
}
