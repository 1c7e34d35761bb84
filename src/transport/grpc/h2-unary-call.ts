import { ServingError } from '../../errors.ts';
import { byteAt, readUint32, writeUint32 } from '../h2/bytes.ts';
import type { H2Stream } from '../h2/stream.ts';
import { encodeResponseHeaders, okBlocks } from './h2-blocks.ts';
import { H2Call, type CallServices } from './h2-call.ts';
import { inflateMessage, memoryExhausted, messageTooLarge } from './h2-compression.ts';
import { copyOf, MessageReader, prefixBytes, type MessageTarget } from './h2-message-reader.ts';
import type { GrpcRequest } from './h2-request.ts';
import { encodedBytes, prepareMessage } from './h2-reply-message.ts';
import type { Encoded, UnaryMethod } from './method.ts';

/** The prefix of the reply being sent; `reply` copies it at once. */
const replyPrefix = Buffer.alloc(prefixBytes);

/** One message in, one out. The handler runs as soon as the client has sent everything. */
export class UnaryCall extends H2Call implements MessageTarget {
  readonly #method: UnaryMethod;
  #reader: MessageReader | undefined = undefined;
  #message: Buffer | undefined = undefined;
  #isCompressed = false;

  constructor(stream: H2Stream, request: GrpcRequest, services: CallServices, method: UnaryMethod) {
    super(stream, request, services);
    this.#method = method;
    stream.awaitingSince = stream.openedAt;
  }

  get maxMessageBytes(): number {
    return this.services.maxMessageBytes;
  }

  onData(chunk: Buffer, start: number, end: number): void {
    const size = end - start;
    this.stream.credit(size);
    if (this.#reader === undefined) {
      const length = size - prefixBytes;
      const isWhole = length >= 0 && byteAt(chunk, start) === 0 && readUint32(chunk, start + 1) === length;
      if (isWhole && this.#message === undefined && length <= this.maxMessageBytes) {
        if (this.keep(length)) this.#message = copyOf(chunk, start + prefixBytes, end);
        return;
      }
      this.#reader = new MessageReader(this);
    }
    this.#reader.feed(chunk, start, end);
  }

  onMessage(message: Buffer, isCompressed: boolean): void {
    if (this.#message !== undefined) {
      this.#reader?.stop();
      this.fail(new ServingError('unimplemented', 'unary method called with more than one message'));
      return;
    }
    this.#message = message;
    this.#isCompressed = isCompressed;
  }

  keep(sizeBytes: number): boolean {
    if (this.stream.hold(sizeBytes)) return true;
    this.fail(memoryExhausted());
    return false;
  }

  onTooLarge(): void {
    this.fail(messageTooLarge(this.maxMessageBytes));
  }

  onBadFlags(): void {
    this.fail(new ServingError('invalid_argument', 'message with unknown flags'));
  }

  onEnd(): void {
    const message = this.#message;
    if (this.#reader?.isInsideMessage === true) {
      this.fail(new ServingError('invalid_argument', 'message is shorter than its length'));
    } else if (message === undefined) {
      this.fail(new ServingError('unimplemented', 'unary method called without a message'));
    } else if (this.#isCompressed) {
      void this.#inflateAndRun(message);
    } else {
      this.#run(message);
    }
  }

  onDrained(): void {}

  async #inflateAndRun(message: Buffer): Promise<void> {
    const { encoding } = this.request;
    if (encoding === 'identity') {
      this.fail(new ServingError('invalid_argument', 'compressed message without a grpc-encoding'));
      return;
    }
    try {
      const inflated = await inflateMessage(encoding, message, {
        maxBytes: this.maxMessageBytes,
        hold: (sizeBytes) => !this.stream.isOver && this.stream.hold(sizeBytes),
      });
      if (!this.stream.isOver) this.#run(inflated);
    } catch (error) {
      this.fail(error);
    }
  }

  #run(message: Buffer): void {
    let answer: Encoded | Promise<Encoded>;
    try {
      this.start(this.#method, message.length);
      answer = this.#method.handle(message, this);
    } catch (error) {
      this.#settleWithError(error);
      return;
    }
    if (answer instanceof Promise) {
      answer.then(
        (reply) => this.#settleWithReply(reply),
        (error: unknown) => this.#settleWithError(error),
      );
    } else {
      this.#settleWithReply(answer);
    }
  }

  #settleWithReply(reply: Encoded): void {
    this.settle();
    if (this.stream.localClosed) return;
    if (!this.isPlain) {
      this.#sendWithMetadata(reply).catch((error: unknown) => this.fail(error));
      return;
    }
    this.headersSent = true;
    writeUint32(replyPrefix, 1, encodedBytes(reply));
    if (this.stream.reply(okBlocks, replyPrefix, reply)) return;
    this.headersSent = false;
    this.fail(memoryExhausted());
  }

  #settleWithError(error: unknown): void {
    this.settle();
    this.fail(error);
  }

  async #sendWithMetadata(reply: Encoded): Promise<void> {
    const prepared = prepareMessage(reply, this.request.encoding);
    const pieces = prepared instanceof Promise ? await prepared : prepared;
    if (this.stream.localClosed) return;
    this.stream.sendHeaders(encodeResponseHeaders(this.addedHeaders));
    this.headersSent = true;
    if (this.stream.sendData(pieces)) this.succeed();
    else this.fail(memoryExhausted());
  }
}
