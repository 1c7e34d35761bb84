import type { MessagePort } from 'node:worker_threads';
import { ServingError } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';
import type { SessionMetadata } from '../inference/executor.ts';
import type { NativeOptions } from './native-binding.ts';

/** What a session thread is started with. */
export interface ThreadSetup {
  readonly modelPath: string;
  readonly options: NativeOptions;
  /** The session computes on the thread that runs it, and nowhere else. */
  readonly oneThread: boolean;
  readonly port: MessagePort;
  /** Int32: see `bell`. */
  readonly bell: SharedArrayBuffer;
  /** Where the thread writes what came out of a batch: see reply-slot.ts. */
  readonly reply: SharedArrayBuffer;
}

/** Words of the doorbell. Only the main side writes; the thread waits on `rings`. */
export const bell = {
  /** Counts every ring, of whatever kind. */
  rings: 0,
  /** Counts the batches handed over: the thread runs one when it sees a number that it has not answered. */
  batches: 1,
  /** Counts the messages posted; looking into the port on every ring would cost half a microsecond. */
  messages: 2,
  words: 3,
} as const;

/** Read before a batch whenever the bell tells of messages. */
export type ToWorker =
  | { readonly kind: 'slot'; readonly slot: SharedArrayBuffer }
  | { readonly kind: 'close' };

/** A batch that succeeded answers `batchDone` alone or, for outputs too large for the reply slot, their buffers. */
export type FromWorker =
  | typeof batchDone
  | { readonly kind: 'outputs'; readonly buffers: readonly ArrayBuffer[] }
  | { readonly kind: 'failed'; readonly error: ErrorMessage }
  | {
      readonly kind: 'opened';
      readonly metadata: SessionMetadata;
      readonly synchronous: boolean;
      readonly openCpuMs: number;
    }
  | { readonly kind: 'open-failed'; readonly error: ErrorMessage };

/** A bare number crosses between threads cheaper than an object. */
export const batchDone = 1;

/** A ServingError on its way between threads; `detail` is its cause, for the log. */
export interface ErrorMessage {
  readonly code: ErrorCode;
  readonly message: string;
  readonly reason: string | undefined;
  readonly detail: string;
}

export function toErrorMessage(error: ServingError): ErrorMessage {
  const { code, message, reason, cause } = error;
  return { code, message, reason, detail: cause instanceof Error ? cause.message : '' };
}

export function fromErrorMessage({ code, message, reason, detail }: ErrorMessage): ServingError {
  return new ServingError(code, message, {
    ...(reason === undefined ? {} : { reason }),
    ...(detail === '' ? {} : { cause: new Error(detail) }),
  });
}
