import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** Stands between a client and a server on this machine, and hands on what either says only after a while. */
export class SlowProxy implements AsyncDisposable {
  /** Milliseconds that each piece from the server is held back. */
  delayMs = 0;
  readonly address: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, targetPort: number) {
    this.#server = server;
    // A listening TCP server has an address of this form.
    this.address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('connection', (client) => this.#join(client, connect(targetPort, '127.0.0.1')));
  }

  static async start(targetPort: number): Promise<SlowProxy> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new SlowProxy(server, targetPort);
  }

  #join(client: Socket, target: Socket): void {
    for (const [socket, other] of [
      [client, target],
      [target, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    client.on('data', (piece) => target.write(piece));
    let lastDueAt = 0;
    target.on('data', (piece) => {
      const now = performance.now();
      // What was said first arrives first, also when the delay gets shorter.
      lastDueAt = Math.max(lastDueAt, now + this.delayMs);
      setTimeout(() => client.write(piece), lastDueAt - now);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, 'close');
  }
}
