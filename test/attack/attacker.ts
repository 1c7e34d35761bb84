import { connect, type Socket } from 'node:net';
import { opening, parseFrames } from '../support/h2-frames.ts';

/** What became of an attack. */
export interface AttackResult {
  /** Error code of the GOAWAY that ended it; undefined when the connection just closed or stayed open. */
  readonly goAwayCode: number | undefined;
  readonly closed: boolean;
  readonly sentBytes: number;
}

/** A client that sends what it likes, until it is disposed. */
export class Attacker implements Disposable {
  readonly #socket: Socket;
  readonly #received: Buffer[] = [];
  readonly #closed: Promise<void>;
  #isClosed = false;
  #sentBytes = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => this.#received.push(bytes));
    this.#closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#isClosed = true;
        resolve();
      });
    });
  }

  static async connect(port: number, first: Uint8Array = opening): Promise<Attacker> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const attacker = new Attacker(socket);
    await new Promise((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    await attacker.send(first);
    return attacker;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  /** Reads nothing from now on. */
  stopReading(): void {
    this.#socket.pause();
  }

  /** Resolves when the kernel has taken the bytes, or the connection is gone. */
  async send(bytes: Uint8Array): Promise<void> {
    if (this.#isClosed || !this.#socket.writable) return;
    this.#sentBytes += bytes.length;
    await Promise.race([
      new Promise<void>((resolve) => this.#socket.write(bytes, () => resolve())),
      this.#closed,
    ]);
  }

  /** Sends what `part` gives for turn 0, 1, ... until the server closes or `turns` are done. */
  async flood(turns: number, part: (turn: number) => Uint8Array): Promise<void> {
    const perWrite = 100;
    for (let turn = 0; turn < turns && !this.#isClosed; turn += perWrite) {
      const parts: Uint8Array[] = [];
      for (let next = turn; next < Math.min(turns, turn + perWrite); next++) parts.push(part(next));
      await this.send(Buffer.concat(parts));
    }
  }

  /** Waits up to `ms` for the server to close, then leaves. */
  async finish(ms: number): Promise<AttackResult> {
    const timeout = Promise.withResolvers<void>();
    const timer = setTimeout(timeout.resolve, ms);
    await Promise.race([this.#closed, timeout.promise]);
    clearTimeout(timer);
    const closed = this.#isClosed;
    this.#socket.destroy();
    await this.#closed;
    const goAway = parseFrames(Buffer.concat(this.#received)).findLast(({ type }) => type === 7);
    return { goAwayCode: goAway?.payload.readUInt32BE(4), closed, sentBytes: this.#sentBytes };
  }
}
