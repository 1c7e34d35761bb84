import { randomUUID } from 'node:crypto';
import { readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';

/** A shared-memory object of a client, removed when disposed. */
export class SharedObject implements Disposable {
  /** As clients name it. */
  readonly key = `/tensorgate-test-${randomUUID()}`;

  constructor(content: Uint8Array) {
    writeFileSync(this.path, content);
  }

  get path(): string {
    return `/dev/shm${this.key}`;
  }

  read(): Buffer {
    return readFileSync(this.path);
  }

  write(content: Uint8Array): void {
    writeFileSync(this.path, content, { flag: 'r+' });
  }

  truncate(sizeBytes: number): void {
    truncateSync(this.path, sizeBytes);
  }

  /** Puts a link to elsewhere in its place. */
  replaceByLink(target: string): void {
    rmSync(this.path);
    symlinkSync(target, this.path);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { force: true });
  }
}
