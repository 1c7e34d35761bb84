import { ServingError } from '../../errors.ts';
import type { H2Stream } from '../h2/stream.ts';
import { encodeResponseHeaders } from './h2-blocks.ts';
import { H2Call, type CallServices } from './h2-call.ts';
import { inflateMessage, memoryExhausted, messageTooLarge } from './h2-compression.ts';
import { MessageQueue } from './h2-message-queue.ts';
import { MessageReader, type MessageTarget } from './h2-message-reader.ts';
import { prepareMessage } from './h2-reply-message.ts';
import type { GrpcRequest } from './h2-request.ts';
import type { Encoded, ReplyStream, StreamMethod } from './method.ts';

/** A handler may be this far ahead of the client's window before `send` makes it wait. */
const sendAheadBytes = 65_536;

/** Any number of messages either way. The handler runs from the start; a slow one slows the client by flow control. */
export class StreamCall extends H2Call implements MessageTarget, ReplyStream {
  readonly #method: StreamMethod;
  readonly #reader: MessageReader;
  readonly #messages: MessageQueue;
  /** Bytes received while messages wait for the handler; their window is given back when it has taken them. */
  #uncreditedBytes = 0;
  /** Bytes of the message being received that are held already. */
  #keptBytes = 0;
  #onWritable: (() => void) | undefined = undefined;
  #refuseWaiting: ((error: ServingError) => void) | undefined = undefined;

  constructor(stream: H2Stream, request: GrpcRequest, services: CallServices, method: StreamMethod) {
    super(stream, request, services);
    this.#method = method;
    this.#reader = new MessageReader(this);
    this.#messages = new MessageQueue(
      (message, isCompressed) => this.#open(message, isCompressed),
      () => this.#creditAll(),
    );
  }

  get maxMessageBytes(): number {
    return this.services.maxMessageBytes;
  }

  /** Starts the handler; after construction, when the stream knows its sink. */
  run(): void {
    void this.#run();
  }

  onData(chunk: Buffer, start: number, end: number): void {
    this.#uncreditedBytes += end - start;
    this.#reader.feed(chunk, start, end);
    if (this.#messages.isEmpty) this.#creditAll();
    else this.stream.awaitingSince = Number.POSITIVE_INFINITY;
  }

  onMessage(message: Buffer, isCompressed: boolean): void {
    const unkeptBytes = message.length - this.#keptBytes;
    this.#keptBytes = 0;
    if (this.#hold(unkeptBytes)) this.#messages.push(message, isCompressed);
  }

  keep(sizeBytes: number): boolean {
    this.#keptBytes += sizeBytes;
    return this.#hold(sizeBytes);
  }

  onTooLarge(): void {
    this.#breakOff(messageTooLarge(this.maxMessageBytes));
  }

  onBadFlags(): void {
    this.#breakOff(new ServingError('invalid_argument', 'message with unknown flags'));
  }

  onEnd(): void {
    if (this.#reader.isInsideMessage) {
      this.#breakOff(new ServingError('invalid_argument', 'message is shorter than its length'));
    } else {
      this.#messages.end();
    }
  }

  onDrained(): void {
    this.#onWritable?.();
    this.#onWritable = undefined;
    this.#refuseWaiting = undefined;
  }

  override onAborted(): void {
    super.onAborted();
    this.#cancel();
  }

  override onDue(): void {
    super.onDue();
    this.#cancel();
  }

  async send(message: Encoded): Promise<void> {
    const prepared = prepareMessage(message, this.request.encoding);
    const pieces = prepared instanceof Promise ? await prepared : prepared;
    if (this.stream.localClosed) throw cancelled();
    if (!this.headersSent) {
      this.stream.sendHeaders(encodeResponseHeaders(this.addedHeaders));
      this.headersSent = true;
    }
    if (!this.stream.sendData(pieces)) throw memoryExhausted();
    if ((this.stream.queue?.sizeBytes ?? 0) > sendAheadBytes) await this.#untilWritable();
  }

  async #run(): Promise<void> {
    try {
      this.start(this.#method, 0);
      await this.#method.handle(this.#messages, this, this);
      this.settle();
      this.succeed();
    } catch (error) {
      this.settle();
      this.fail(error);
    }
    this.#messages.discard();
    this.#reader.stop();
  }

  /** Messages count against the memory bounds from their first byte until the handler takes them. */
  #hold(sizeBytes: number): boolean {
    if (this.stream.hold(sizeBytes)) return true;
    this.#reader.stop();
    this.#breakOff(memoryExhausted());
    return false;
  }

  async #open(message: Buffer, isCompressed: boolean): Promise<Buffer> {
    if (!isCompressed) {
      if (!this.stream.isOver) this.stream.release(message.length);
      return message;
    }
    const { encoding } = this.request;
    if (encoding === 'identity') {
      throw new ServingError('invalid_argument', 'compressed message without a grpc-encoding');
    }
    let heldBytes = 0;
    const inflated = await inflateMessage(encoding, message, {
      maxBytes: this.maxMessageBytes,
      hold: (sizeBytes) => {
        if (this.stream.isOver || !this.stream.hold(sizeBytes)) return false;
        heldBytes += sizeBytes;
        return true;
      },
    });
    if (!this.stream.isOver) this.stream.release(heldBytes + message.length);
    return inflated;
  }

  /** Ends the call over a mistake in the request, whatever the handler is doing. */
  #breakOff(error: ServingError): void {
    this.fail(error);
    this.context.cancel();
    this.#cancel();
  }

  #cancel(): void {
    const error = cancelled();
    this.#reader.stop();
    this.#messages.fail(error);
    this.#refuseWaiting?.(error);
    this.#refuseWaiting = undefined;
    this.#onWritable = undefined;
  }

  #creditAll(): void {
    const { stream } = this;
    stream.credit(this.#uncreditedBytes);
    this.#uncreditedBytes = 0;
    if (!this.#reader.isInsideMessage) {
      stream.awaitingSince = Number.POSITIVE_INFINITY;
    } else if (stream.awaitingSince === Number.POSITIVE_INFINITY) {
      stream.awaitingSince = stream.host.now;
      stream.awaitedBytes = 0;
    }
  }

  async #untilWritable(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#onWritable = resolve;
      this.#refuseWaiting = reject;
    });
  }
}

function cancelled(): ServingError {
  return new ServingError('cancelled', 'call was cancelled');
}
