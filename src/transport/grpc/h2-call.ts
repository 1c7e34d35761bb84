import type { Authenticate } from '../../inference/authenticate.ts';
import { CallContext } from '../../inference/call-context.ts';
import { ServingError } from '../../errors.ts';
import type { TimerWheel, WheelEntry } from '../../util/timer-wheel.ts';
import type { H2Stream, StreamSink } from '../h2/stream.ts';
import { authorize } from './authorize.ts';
import { encodeTrailers } from './h2-blocks.ts';
import { findMetadata, listMetadata } from './h2-metadata.ts';
import type { GrpcRequest } from './h2-request.ts';
import type { GrpcCall, GrpcMethod, MetadataValue } from './method.ts';
import type { GrpcStatus } from './status.ts';

/** What all calls of one server share. */
export interface CallServices {
  readonly authenticate: Authenticate;
  readonly wheel: TimerWheel;
  readonly maxMessageBytes: number;
  /** The status of anything that a handler throws. */
  readonly toStatus: (thrown: unknown) => GrpcStatus;
}

type Metadata = readonly (readonly [string, MetadataValue])[];
const noMetadata: Metadata = [];
const okStatus: GrpcStatus = { code: 0, message: '', trailers: [] };

/**
 * What unary and streaming calls have in common: metadata, deadline, status and the end. A call is over in two ways that
 * come in any order: its handler has settled, and its stream is gone. The context is finished after both.
 */
export abstract class H2Call implements GrpcCall, StreamSink, WheelEntry {
  context: CallContext;
  readonly path: string;
  dueAt = 0;
  nextDue: WheelEntry | undefined = undefined;
  previousDue: WheelEntry | undefined = undefined;
  slot = -1;
  protected readonly stream: H2Stream;
  protected readonly request: GrpcRequest;
  protected readonly services: CallServices;
  protected readonly deadline: number;
  protected headersSent = false;
  #headers: (readonly [string, MetadataValue])[] | undefined = undefined;
  #trailers: (readonly [string, MetadataValue])[] | undefined = undefined;
  #handlerRuns = false;

  constructor(stream: H2Stream, request: GrpcRequest, services: CallServices) {
    this.stream = stream;
    this.request = request;
    this.services = services;
    this.path = request.head.path;
    this.deadline = stream.openedAt + request.timeoutMs;
    this.context = unstarted;
    if (this.deadline !== Number.POSITIVE_INFINITY) services.wheel.add(this, this.deadline);
  }

  get peer(): string {
    return this.stream.host.peer;
  }

  metadata(name: string): MetadataValue | undefined {
    return findMetadata(this.request.head.fields, name);
  }

  allMetadata(): Iterable<readonly [string, MetadataValue]> {
    return listMetadata(this.request.head.fields);
  }

  addHeader(name: string, value: MetadataValue): void {
    (this.#headers ??= []).push([name, value]);
  }

  addTrailer(name: string, value: MetadataValue): void {
    (this.#trailers ??= []).push([name, value]);
  }

  abstract onData(chunk: Buffer, start: number, end: number): void;
  abstract onEnd(): void;
  abstract onDrained(): void;

  onDone(): void {
    this.#leave();
  }

  onAborted(): void {
    this.context.cancel();
    this.#leave();
  }

  onDue(): void {
    this.fail(new ServingError('deadline_exceeded', 'deadline exceeded'));
    this.context.cancel();
  }

  /** Initial metadata of the reply. Replies may be compressed as the request was: who sends gzip can read it. */
  protected get addedHeaders(): Metadata {
    const headers = this.#headers ?? noMetadata;
    const { encoding } = this.request;
    return encoding === 'identity' ? headers : [...headers, ['grpc-encoding', encoding]];
  }

  /** A successful reply needs neither metadata nor compression. */
  protected get isPlain(): boolean {
    return (
      this.#headers === undefined && this.#trailers === undefined && this.request.encoding === 'identity'
    );
  }

  /**
   * Makes the context and finds the caller.
   *
   * @throws ServingError unauthenticated or permission_denied.
   */
  protected start(method: GrpcMethod, sizeBytes: number): void {
    const principal = authorize(method, this.services.authenticate, this.request.header);
    this.context = new CallContext(this.stream.host.now, this.deadline, principal, sizeBytes);
    this.context.front = 'grpc';
    this.context.header = this.request.header;
    this.#handlerRuns = true;
    this.stream.beginWork();
  }

  /** The handler has answered, failed or given up; it touches nothing of the call any more. */
  protected settle(): void {
    this.#handlerRuns = false;
    this.stream.endWork();
    if (this.stream.isOver) this.context.finish();
  }

  /** Ends the call with the status of an error, trailers-only where nothing was sent. */
  protected fail(thrown: unknown): void {
    this.end(this.services.toStatus(thrown));
  }

  protected succeed(): void {
    this.end(okStatus);
  }

  protected end(status: GrpcStatus): void {
    const leading = this.headersSent ? undefined : (this.#headers ?? noMetadata);
    this.headersSent = true;
    this.stream.end(encodeTrailers(leading, status, this.#trailers ?? noMetadata));
  }

  #leave(): void {
    this.services.wheel.remove(this);
    if (!this.#handlerRuns) this.context.finish();
  }
}

/** Stands in until a call's handler is started; a cancelled or finished one has no effect on anything. */
const unstarted = new CallContext(0, Number.POSITIVE_INFINITY);
unstarted.finish();
