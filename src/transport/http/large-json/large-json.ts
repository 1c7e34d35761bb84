import { extname } from 'node:path';
import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads';
import { ServingError } from '../../../errors.ts';
import type { CallContext } from '../../../inference/call-context.ts';
import type { ModelCatalog } from '../../../inference/catalog.ts';
import type { Clock } from '../../../util/clock.ts';
import type { HttpCall } from '../http-call.ts';
import type { Asked, Decoded, DecoderName } from './decoders.ts';
import type { Answer, AnyCatalog, Order, ThreadMessage, ThreadSetup } from './messages.ts';
import { fromRefused, toRefused } from './refused.ts';

/** Runs from source as well as from the build: bundled names are not rewritten. */
const entry = new URL(`./worker${extname(import.meta.filename)}`, import.meta.url);

/**
 * Bodies of so many bytes are read in a thread of their own: the worst of this size take some ten milliseconds, ordinary
 * ones less than handing them over would save.
 */
export const largeBytes = 512 * 1024;

/** Bodies that wait. Their bytes are within the budget of bodies; each may take seconds. */
const maxWaiting = 64;

/** What is held while nobody sends large bodies is given back after so long. */
const idleMs = 10_000;

const retryAfterMs = 1000;

/** Memory of the thread beside the bytes of bodies and tensors. */
const resourceLimits = { maxOldGenerationSizeMb: 1024 };

interface Job {
  readonly order: Order;
  readonly context: CallContext;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: ServingError) => void;
}

interface Thread {
  readonly worker: Worker;
  readonly answers: MessagePort;
  readonly signal: Int32Array;
}

/**
 * Reads large bodies of JSON in a thread, one at a time, while the thread that serves goes on: a hostile one of 64 MiB takes
 * seconds. The thread is started for the first one, and ends when none has come for a while.
 */
export class LargeJson implements Disposable {
  readonly #catalog: AnyCatalog;
  readonly #clock: Clock;
  readonly #waiting: Job[] = [];
  #running: Job | undefined = undefined;
  #thread: Thread | undefined = undefined;
  #idle: Disposable | undefined = undefined;
  #disposed = false;

  constructor(catalog: ModelCatalog, clock: Clock) {
    this.#catalog = catalog;
    this.#clock = clock;
  }

  /**
   * @param asked is copied. Tensors of the result are views of bytes of their own.
   * @throws (rejects with) what the decoder throws, resource_exhausted when too many wait, cancelled when nobody waits for
   * the result any more once it is its turn.
   */
  read<N extends DecoderName>(name: N, asked: Asked<N>, context: CallContext): Promise<Decoded<N>> {
    if (this.#disposed) return Promise.reject(ended());
    if (this.#waiting.length >= maxWaiting) return Promise.reject(tooMany());
    return new Promise<unknown>((resolve, reject) => {
      this.#waiting.push({ order: { name, asked }, context, resolve, reject });
      this.#next();
    }) as Promise<Decoded<N>>;
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#end(ended());
    for (const job of this.#waiting.splice(0)) job.reject(ended());
  }

  #next(): void {
    if (this.#running !== undefined) return;
    this.#idle?.[Symbol.dispose]();
    this.#idle = undefined;
    for (let job = this.#waiting.shift(); job !== undefined; job = this.#waiting.shift()) {
      if (job.context.cancelled) {
        job.reject(new ServingError('cancelled', 'the client is gone', { reason: 'CANCELLED' }));
        continue;
      }
      this.#thread ??= this.#start();
      try {
        this.#thread.worker.postMessage(job.order, []);
      } catch (cause) {
        job.reject(ServingError.from(cause));
        continue;
      }
      this.#running = job;
      return;
    }
    if (this.#thread !== undefined) this.#idle = this.#clock.after(idleMs, () => this.#end(ended()));
  }

  #start(): Thread {
    const { port1, port2 } = new MessageChannel();
    const signal = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
    const setup: ThreadSetup = { answers: port2, signal };
    const worker = new Worker(entry, {
      workerData: setup,
      transferList: [port2],
      name: 'large-json',
      resourceLimits,
    });
    const thread: Thread = { worker, answers: port1, signal: new Int32Array(signal) };
    worker.on('message', (message: ThreadMessage) => this.#receive(thread, message));
    worker.on('error', (cause: unknown) => this.#lose(thread, cause));
    worker.on('exit', () => this.#lose(thread, undefined));
    return thread;
  }

  #receive(thread: Thread, message: ThreadMessage): void {
    if (thread !== this.#thread) return;
    if (message.kind === 'question') {
      thread.answers.postMessage(this.#answer(message), []);
      Atomics.store(thread.signal, 0, 1);
      Atomics.notify(thread.signal, 0);
      return;
    }
    const job = this.#running;
    this.#running = undefined;
    if (message.kind === 'decoded') job?.resolve(message.value);
    else job?.reject(fromRefused(message.error));
    this.#next();
  }

  #answer({ about, asked }: Extract<ThreadMessage, { kind: 'question' }>): Answer {
    try {
      return { value: this.#catalog[about](...(asked as never[])) };
    } catch (thrown) {
      return { error: toRefused(thrown) };
    }
  }

  /** It ends by itself only when its memory does not suffice, or by a fault. */
  #lose(thread: Thread, cause: unknown): void {
    if (thread !== this.#thread) return;
    this.#end(
      new ServingError(
        'resource_exhausted',
        'the JSON of this request takes more memory than there is to read it',
        {
          reason: 'LARGE_BODY_MEMORY',
          cause,
        },
      ),
    );
    this.#next();
  }

  #end(error: ServingError): void {
    this.#idle?.[Symbol.dispose]();
    this.#idle = undefined;
    const thread = this.#thread;
    this.#thread = undefined;
    thread?.answers.close();
    void thread?.worker.terminate();
    this.#running?.reject(error);
    this.#running = undefined;
  }
}

/**
 * Reads a body: at once where it is small, in the thread for that where it is large.
 *
 * @param read the decoder of this name.
 * @param sizeBytes of JSON in it.
 */
export function readBody<N extends DecoderName>(
  call: Pick<HttpCall, 'context' | 'largeJson'>,
  name: N,
  asked: Asked<N>,
  {
    read,
    sizeBytes = asked.bytes.length,
  }: { readonly read: (asked: Asked<N>) => Decoded<N>; readonly sizeBytes?: number },
): Decoded<N> | Promise<Decoded<N>> {
  const { largeJson, context } = call;
  if (sizeBytes < largeBytes || largeJson === undefined) return read(asked);
  return largeJson.read(name, asked, context);
}

function tooMany(): ServingError {
  return new ServingError('resource_exhausted', 'too many large bodies of JSON wait to be read', {
    reason: 'LARGE_BODIES_EXCEEDED',
    retryAfterMs,
  });
}

function ended(): ServingError {
  return new ServingError(
    'unavailable',
    'HTTP server is shutting down and has stopped accepting new requests.',
    {
      reason: 'SHUTTING_DOWN',
    },
  );
}
