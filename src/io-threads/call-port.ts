import { ServingError, type ErrorCode } from '../errors.ts';

/** Functions by name, each of one value; what they take and give crosses as a copy. */
type Calls<F> = { readonly [Name in keyof F]: (asked: never) => unknown };

type Asked<F extends Calls<F>, Name extends keyof F> = Parameters<F[Name]>[0];

/** How one side carries out what the other calls. */
export type Handlers<F extends Calls<F>> = {
  readonly [Name in keyof F]: (asked: Asked<F, Name>) => ReturnType<F[Name]> | Promise<ReturnType<F[Name]>>;
};

/** One end of a channel between threads; a Worker and a MessagePort both are. */
export interface MessageEnd {
  postMessage(message: unknown, transfer: never[]): void;
  on(event: 'message', listener: (message: PortMessage) => void): unknown;
}

interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly reason: string | undefined;
  readonly retryAfterMs: number | undefined;
  /** For the log. */
  readonly detail: string;
}

export type PortMessage =
  | { readonly kind: 'ask'; readonly call: number; readonly name: string; readonly asked: unknown }
  | { readonly kind: 'tell'; readonly name: string; readonly asked: unknown }
  | { readonly kind: 'answer'; readonly call: number; readonly value: unknown }
  | { readonly kind: 'failure'; readonly call: number; readonly failure: Failure };

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: ServingError) => void;
}

/**
 * Calls between two threads, in both directions. They begin in the order in which they were made, and what a handler does
 * before its first await is done before the next begins.
 */
export class CallPort<Remote extends Calls<Remote>, Local extends Calls<Local>> {
  readonly #end: MessageEnd;
  readonly #handlers: Handlers<Local>;
  readonly #waiting = new Map<number, Waiting>();
  #calls = 0;
  #lost: ServingError | undefined = undefined;

  constructor(end: MessageEnd, handlers: Handlers<Local>) {
    this.#end = end;
    this.#handlers = handlers;
    end.on('message', (message) => this.#receive(message));
  }

  /** Calls on the other side. @throws (rejects with) what the handler failed with, or what the port was lost with. */
  ask<Name extends keyof Remote & string>(
    name: Name,
    asked: Asked<Remote, Name>,
  ): Promise<ReturnType<Remote[Name]>> {
    if (this.#lost !== undefined) return Promise.reject(this.#lost);
    const call = this.#calls++;
    const answer = new Promise<ReturnType<Remote[Name]>>((resolve, reject) => {
      this.#waiting.set(call, { resolve: resolve as Waiting['resolve'], reject });
    });
    this.#end.postMessage({ kind: 'ask', call, name, asked } satisfies PortMessage, []);
    return answer;
  }

  /** Calls without waiting for an answer, or for whether there is one. */
  tell<Name extends keyof Remote & string>(name: Name, asked: Asked<Remote, Name>): void {
    if (this.#lost !== undefined) return;
    this.#end.postMessage({ kind: 'tell', name, asked } satisfies PortMessage, []);
  }

  /** The other side is gone: whoever waits for it gets `error`, now and later. */
  lose(error: ServingError): void {
    this.#lost = error;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  #receive(message: PortMessage): void {
    switch (message.kind) {
      case 'ask':
        void this.#handle(message.name, message.asked).then(
          (value) => this.#reply({ kind: 'answer', call: message.call, value }),
          (thrown: unknown) =>
            this.#reply({ kind: 'failure', call: message.call, failure: encodeError(thrown) }),
        );
        return;
      case 'tell':
        this.#handle(message.name, message.asked).catch(() => undefined);
        return;
      case 'answer':
        this.#take(message.call)?.resolve(message.value);
        return;
      case 'failure':
        this.#take(message.call)?.reject(decodeError(message.failure));
    }
  }

  async #handle(name: string, asked: unknown): Promise<unknown> {
    const handler = this.#handlers[name as keyof Local] as ((asked: unknown) => unknown) | undefined;
    if (handler === undefined) throw new Error(`bug: nobody handles '${name}'`);
    return handler(asked);
  }

  #reply(message: PortMessage): void {
    if (this.#lost === undefined) this.#end.postMessage(message, []);
  }

  #take(call: number): Waiting | undefined {
    const waiting = this.#waiting.get(call);
    this.#waiting.delete(call);
    return waiting;
  }
}

function encodeError(thrown: unknown): Failure {
  const { code, message, reason, retryAfterMs, cause } = ServingError.from(thrown);
  const detail = cause instanceof Error ? (cause.stack ?? cause.message) : '';
  return { code, message, reason, retryAfterMs, detail };
}

function decodeError({ code, message, reason, retryAfterMs, detail }: Failure): ServingError {
  return new ServingError(code, message, {
    ...(reason === undefined ? {} : { reason }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(detail === '' ? {} : { cause: new Error(detail) }),
  });
}
