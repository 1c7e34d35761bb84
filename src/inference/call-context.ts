import type { Front } from './front.ts';
import { anonymous, type Principal } from './principal.ts';
import type { InferResponse } from './response.ts';

/** Milliseconds of the batches that requests were part of. */
export interface ComputeTimes {
  inputMs: number;
  inferMs: number;
  outputMs: number;
  /** The request's part of all three, by its rows. */
  shareMs: number;
}

/**
 * Takes an answer that is not the last one. Resolves when the caller has room for another, and rejects when nobody reads
 * any more: whoever makes answers waits for it, so that no more of them are made than are read.
 */
export type TakeAnswer = (response: InferResponse) => Promise<void>;

/** What a call is in spans, in the words of OpenTelemetry's conventions. */
export interface CallTrace {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/**
 * What travels beside a request through the stages: made by a transport when the call arrives, never kept past it.
 * All fields exist from birth, so that every call has one hidden class.
 */
export class CallContext {
  /** When the last byte of the request had arrived, in the clock's milliseconds. */
  readonly receivedAt: number;
  /** When the caller stops waiting, in the clock's milliseconds; Infinity without a deadline. */
  readonly deadline: number;
  readonly principal: Principal;
  /** Bytes of the request as received after decompression, counted against the process-wide budget. */
  readonly sizeBytes: number;
  /** True once nobody waits any more: cancelled by the client, connection gone, or deadline passed. */
  cancelled = false;
  /** Transport's part: true when the caller can take any number of answers (ModelStreamInfer). */
  streaming = false;
  /** Transport's part where `streaming` is true: where answers before the last one go. */
  takeAnswer: TakeAnswer | undefined = undefined;
  /** Set when it is admitted: its model answers as often as it likes, so its answers wait for no other request's. */
  decoupled = false;
  /** Transport's part: which one it is. */
  front: Front = 'embedded';
  /** The call that this is a part of: of a stream, or of an ensemble. */
  origin: CallContext | undefined = undefined;
  /** Transport's part: the first value of a lower-case metadata or header name; undefined where there are none. */
  header: ((name: string) => string | undefined) | undefined = undefined;
  /** Where an ensemble adds up how long its steps were computed; undefined for what clients ask for. */
  times: ComputeTimes | undefined = undefined;
  /** Tracing's part. */
  trace: CallTrace | undefined = undefined;
  /** Set by whoever routes: the rollout or experiment that chose the version, and the arm of it; '' where none did. */
  experiment = '';
  arm = '';
  #onCancelled: (() => void) | undefined = undefined;
  #onFinished: (() => void) | undefined = undefined;
  #finished = false;

  constructor(receivedAt: number, deadline: number, principal: Principal = anonymous, sizeBytes = 0) {
    this.receivedAt = receivedAt;
    this.deadline = deadline;
    this.principal = principal;
    this.sizeBytes = sizeBytes;
  }

  /** Transport's part: the caller is gone. Work that has not started must not start. Idempotent. */
  cancel(): void {
    if (this.cancelled || this.#finished) return;
    this.cancelled = true;
    this.#onCancelled?.();
  }

  /** Transport's part: the reply has been written, or nobody will read one. Idempotent. */
  finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#onCancelled = undefined;
    this.#onFinished?.();
    this.#onFinished = undefined;
  }

  /**
   * The stage that holds the request learns of cancellation. One listener at a time: a later stage takes over from an
   * earlier one. Called at once if already cancelled. A stage may also just read `cancelled` when it picks the work up.
   */
  onCancelled(listener: (() => void) | undefined): void {
    this.#onCancelled = listener;
    if (this.cancelled) listener?.();
  }

  /** Runs when the reply has been written: releases what is counted until then. Listeners run in the order added. */
  onFinished(listener: () => void): void {
    if (this.#finished) {
      listener();
      return;
    }
    const earlier = this.#onFinished;
    this.#onFinished =
      earlier === undefined
        ? listener
        : () => {
            earlier();
            listener();
          };
  }
}
