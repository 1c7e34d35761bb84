import { Duplex } from 'node:stream';

/** A socket without a network: the test says what arrives and sees what was written, at once. */
export class FakeSocket extends Duplex {
  /** While true, the peer takes nothing: what is written stays in the socket. */
  stuck = false;
  writes = 0;
  #written: Buffer[] = [];
  #pending: (() => void) | undefined = undefined;

  /** Bytes come from the peer; handled before this returns. */
  receive(...parts: readonly Uint8Array[]): void {
    this.emit('data', Buffer.concat(parts));
  }

  /** What has been written since the last call. */
  takeWritten(): Buffer {
    const bytes = Buffer.concat(this.#written);
    this.#written = [];
    return bytes;
  }

  unstick(): void {
    this.stuck = false;
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.();
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this._writev([{ chunk }], done);
  }

  override _writev(chunks: readonly { chunk: Buffer }[], done: () => void): void {
    this.writes++;
    const accept = (): void => {
      for (const { chunk } of chunks) this.#written.push(Buffer.from(chunk));
      done();
    };
    if (this.stuck) this.#pending = accept;
    else accept();
  }
}
