import { unlinkSync } from 'node:fs';
import {
  connect,
  createServer,
  type AddressInfo,
  type ListenOptions,
  type Server,
  type Socket,
} from 'node:net';
import type { Duplex } from 'node:stream';
import { createServer as createTlsServer } from 'node:tls';
import type { GrpcServerOptions } from './method.ts';
import type { TlsSource } from './tls.ts';

/** A TLS client that has not finished its handshake after this time is cut off. */
const handshakeTimeoutMs = 10_000;

/** An open port or Unix socket and its connections. */
export interface Listener {
  readonly address: string;
  readonly port: number;
  /** Stops taking connections, and cuts off those that are still in their handshake. */
  stop(): void;
  /** Resolves when the last connection is gone. */
  readonly closed: Promise<void>;
  /** Cuts all connections off. */
  destroyConnections(): void;
}

/**
 * Listens on TCP or a Unix socket, plain or with TLS, and hands every usable connection over. What other processes left
 * behind of a Unix socket is removed.
 */
export async function listen(
  where: GrpcServerOptions['listen'],
  tls: TlsSource | undefined,
  onConnection: (connection: Duplex) => void,
): Promise<Listener> {
  const sockets = new Set<Socket>();
  const handshaking = new Map<string, Socket>();
  const { promise: closed, resolve: resolveClosed } = Promise.withResolvers<void>();
  let stopped = false;
  const server = tls === undefined ? createServer({ noDelay: true }) : createTlsListener(tls);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    const peer = peerOf(socket);
    if (tls !== undefined) handshaking.set(peer, socket);
    // Failures of a connection end its calls; the socket itself needs no more than to be closed.
    socket.on('error', () => {});
    socket.once('close', () => {
      sockets.delete(socket);
      if (handshaking.get(peer) === socket) handshaking.delete(peer);
      if (stopped && sockets.size === 0) resolveClosed();
    });
  });
  server.on(tls === undefined ? 'connection' : 'secureConnection', (connection: Socket) => {
    connection.on('error', () => {});
    handshaking.delete(peerOf(connection));
    onConnection(connection);
  });
  await bind(server, where);
  // After start there is nobody to tell; accept errors (too many open files) come back by themselves.
  server.on('error', () => {});
  const bound = server.address();
  return {
    ...describe(bound),
    closed,
    stop() {
      stopped = true;
      server.close();
      for (const socket of handshaking.values()) socket.destroy();
      if (sockets.size === 0) resolveClosed();
    },
    destroyConnections() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Tells connections apart while their TLS handshake runs; the TLS socket does not say which one it stands on. */
function peerOf(socket: Socket): string {
  return `${socket.remoteAddress}:${socket.remotePort}`;
}

function createTlsListener(tls: TlsSource): Server {
  const server = createTlsServer({
    ...tls.context,
    ALPNProtocols: ['h2'],
    requestCert: tls.mutual,
    rejectUnauthorized: tls.mutual,
    handshakeTimeout: handshakeTimeoutMs,
    noDelay: true,
  });
  server.on('tlsClientError', () => {});
  tls.onReload((context) => server.setSecureContext(context));
  return server;
}

async function bind(server: Server, where: GrpcServerOptions['listen']): Promise<void> {
  if (!('unixPath' in where)) return tryBind(server, where);
  const path = where.unixPath;
  try {
    return await tryBind(server, { path });
  } catch (error) {
    if (!hasCode(error, 'EADDRINUSE') || (await answers(path))) throw error;
  }
  unlinkSync(path);
  return tryBind(server, { path });
}

function tryBind(server: Server, where: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** Whether some process listens on a Unix socket. Only a refusal proves that none does. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path, () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', (error) => resolve(!hasCode(error, 'ECONNREFUSED')));
  });
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

function describe(bound: AddressInfo | string | null): { address: string; port: number } {
  if (bound === null) throw new Error('bug: a listening server has no address');
  if (typeof bound === 'string') return { address: `unix:${bound}`, port: 0 };
  const host = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address;
  return { address: `${host}:${bound.port}`, port: bound.port };
}
