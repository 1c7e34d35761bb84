import { Writable } from 'node:stream';
import { encodeHeaderBlock } from '../h2/hpack-encode.ts';
import { errorCode } from '../h2/protocol.ts';
import type { H2Stream } from '../h2/stream.ts';
import type { PeerResponse } from './peer.ts';

type Done = (error?: Error | null) => void;

const noTrailers = new Uint8Array(0);
const leaveToSend = encodeHeaderBlock([[':status', '100']]);

/** Fields that speak of an HTTP/1.1 connection (RFC 9113, section 8.2.2). */
const connectionFields: ReadonlySet<string> = new Set(['connection', 'keep-alive', 'transfer-encoding']);

/** The reply to one request over HTTP/2. Takes what is written as fast as the windows let it go. */
export class H2Response extends Writable implements PeerResponse {
  readonly socket = null;
  readonly #stream: H2Stream;
  /** Replies to HEAD have none. */
  readonly #mayHaveBody: boolean;
  #head: Buffer | undefined = undefined;
  #headSent = false;
  #taken: Done | undefined = undefined;
  #ended: Done | undefined = undefined;

  constructor(stream: H2Stream, method: string) {
    super();
    this.#stream = stream;
    this.#mayHaveBody = method !== 'HEAD';
    this.on('error', () => {});
  }

  writeContinue(): void {
    this.#stream.sendHeaders(leaveToSend);
  }

  writeHead(status: number, fields: readonly string[]): void {
    const list: (readonly [string, string])[] = [[':status', String(status)]];
    for (let index = 0; index + 1 < fields.length; index += 2) {
      const name = fields[index]?.toLowerCase() ?? '';
      if (!connectionFields.has(name)) list.push([name, fields[index + 1] ?? '']);
    }
    this.#head = encodeHeaderBlock(list);
  }

  /** What was written has left. */
  onDrained(): void {
    const taken = this.#taken;
    this.#taken = undefined;
    taken?.();
  }

  /** The reply is complete. */
  onDone(): void {
    this.#ended?.();
  }

  override _write(chunk: Buffer, _encoding: string, done: Done): void {
    this.#send([chunk], done);
  }

  override _writev(chunks: readonly { readonly chunk: Buffer }[], done: Done): void {
    this.#send(
      chunks.map(({ chunk }) => chunk),
      done,
    );
  }

  override _final(done: Done): void {
    this.#ended = done;
    this.#stream.end(this.#headSent ? noTrailers : this.#takeHead());
  }

  override _destroy(error: Error | null, done: Done): void {
    if (!this.#stream.isOver) this.#stream.reset(errorCode.cancel);
    done(error);
  }

  #send(pieces: readonly Uint8Array[], done: Done): void {
    const stream = this.#stream;
    if (!this.#mayHaveBody) {
      done();
      return;
    }
    if (!this.#headSent) stream.sendHeaders(this.#takeHead());
    this.#headSent = true;
    if (!stream.sendData(pieces)) done(new Error('the reply is larger than may wait to be sent'));
    else if (stream.queue === undefined) done();
    else this.#taken = done;
  }

  #takeHead(): Buffer {
    if (this.#head === undefined) throw new Error('bug: a reply without a head');
    return this.#head;
  }
}
