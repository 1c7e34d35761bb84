import { CallContext } from '../../src/inference/call-context.ts';
import type { Principal } from '../../src/inference/principal.ts';
import type { Encoded, GrpcCall, MetadataValue, ReplyStream } from '../../src/transport/grpc/method.ts';

/** A call as a transport would make it. */
export class FakeCall implements GrpcCall {
  readonly context: CallContext;
  readonly path = '/test';
  readonly peer = '127.0.0.1:1';
  readonly #metadata: ReadonlyMap<string, MetadataValue>;

  constructor(metadata: Readonly<Record<string, MetadataValue>> = {}, principal?: Principal) {
    this.#metadata = new Map(Object.entries(metadata));
    this.context = new CallContext(0, Infinity, principal);
  }

  metadata(name: string): MetadataValue | undefined {
    return this.#metadata.get(name);
  }

  allMetadata(): Iterable<readonly [string, MetadataValue]> {
    return this.#metadata;
  }

  addHeader(): void {}

  addTrailer(): void {}
}

/** Keeps what was sent. */
export class FakeReply implements ReplyStream {
  readonly sent: Buffer[] = [];
  /** When what was sent has made room for more. */
  room: Promise<void> = Promise.resolve();
  #onSend: (() => void) | undefined;

  send(message: Encoded): Promise<void> {
    this.sent.push(toBuffer(message));
    this.#onSend?.();
    return this.room;
  }

  /** Resolves when `count` messages were sent in all. */
  async messages(count: number): Promise<readonly Buffer[]> {
    while (this.sent.length < count) {
      await new Promise<void>((resolve) => {
        this.#onSend = resolve;
      });
    }
    return this.sent;
  }
}

export function toBuffer(message: Encoded): Buffer {
  return message instanceof Uint8Array ? Buffer.from(message) : Buffer.concat(message);
}
