import { Client, credentials, Metadata, type ChannelCredentials, type ClientOptions } from '@grpc/grpc-js';
import { silentLogger } from '../../../../src/inference/logger.ts';
import { anonymous } from '../../../../src/inference/principal.ts';
import type {
  GrpcServer,
  GrpcServerOptions,
  StartGrpcServer,
} from '../../../../src/transport/grpc/method.ts';
import { systemClock } from '../../../../src/util/clock.ts';
import { ConformanceService, servicePath } from './service.ts';

/** Limits that no test runs into by accident. */
export const defaults: Omit<GrpcServerOptions, 'methods'> = {
  listen: { host: '127.0.0.1', port: 0 },
  tls: undefined,
  authenticate: () => anonymous,
  clock: systemClock,
  logger: silentLogger,
  maxMessageBytes: 4 * 1024 * 1024,
  maxConcurrentStreams: 1000,
  maxConnectionAgeMs: 0,
  maxConnectionAgeGraceMs: 0,
  maxConnectionIdleMs: 0,
  keepaliveTimeMs: 0,
  keepaliveTimeoutMs: 20_000,
};

/** A server with the conformance service, and clients of it that close with it. */
export class TestServer implements AsyncDisposable {
  readonly service: ConformanceService;
  readonly server: GrpcServer;
  readonly #clients: TestClient[] = [];

  private constructor(service: ConformanceService, server: GrpcServer) {
    this.service = service;
    this.server = server;
  }

  static async start(start: StartGrpcServer, options: Partial<GrpcServerOptions> = {}): Promise<TestServer> {
    const service = new ConformanceService();
    const server = await start({ ...defaults, methods: service.methods, ...options });
    return new TestServer(service, server);
  }

  /** A client with a connection of its own. */
  client(
    options: ClientOptions = {},
    security: ChannelCredentials = credentials.createInsecure(),
    address: string = this.server.address,
  ): TestClient {
    const client = new TestClient(address, security, options);
    this.#clients.push(client);
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.server.drain(0);
  }
}

/** How a call ended. */
export interface Outcome {
  readonly code: number;
  readonly details: string;
  readonly reply: Buffer | undefined;
  readonly headers: Metadata | undefined;
  readonly trailers: Metadata;
}

export interface CallOptions {
  readonly metadata?: Metadata;
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
  /** Sends gzip (2) or deflate (1). */
  readonly compression?: 1 | 2;
}

/** grpc-js as a client of raw messages. */
export class TestClient {
  readonly #client: Client;

  constructor(address: string, security: ChannelCredentials, options: ClientOptions) {
    this.#client = new Client(address, security, {
      'grpc.max_receive_message_length': -1,
      'grpc.max_send_message_length': -1,
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_retries': 0,
      ...options,
    });
  }

  unary(rpc: string, message: Buffer, options: CallOptions = {}): Promise<Outcome> {
    return new Promise((resolve) => {
      let headers: Metadata | undefined;
      let reply: Buffer | undefined;
      const call = this.#client.makeUnaryRequest(
        servicePath + rpc,
        same,
        same,
        message,
        options.metadata ?? new Metadata(),
        options.deadlineMs === undefined ? {} : { deadline: Date.now() + options.deadlineMs },
        (_error: unknown, value: Buffer | undefined) => {
          reply = value;
        },
      );
      call.on('metadata', (received) => {
        headers = received;
      });
      call.on('status', ({ code, details, metadata }) => {
        resolve({ code, details, reply, headers, trailers: metadata });
      });
      options.signal?.addEventListener('abort', () => call.cancel());
    });
  }

  stream(rpc: string, metadata = new Metadata()): TestStream {
    return new TestStream(this.#client.makeBidiStreamRequest(servicePath + rpc, same, same, metadata));
  }

  close(): void {
    this.#client.close();
  }
}

type ClientStream = ReturnType<Client['makeBidiStreamRequest']>;

/** One streaming call of the client. */
export class TestStream {
  readonly call: ClientStream;
  readonly received: Buffer[] = [];
  readonly ended: Promise<Outcome>;
  #onMessage: (() => void) | undefined;

  constructor(call: ClientStream) {
    this.call = call;
    let headers: Metadata | undefined;
    call.on('metadata', (value: Metadata) => {
      headers = value;
    });
    call.on('data', (message: Buffer) => {
      this.received.push(message);
      this.#onMessage?.();
    });
    call.on('error', () => {});
    this.ended = new Promise((resolve) => {
      call.on('status', ({ code, details, metadata }) => {
        resolve({ code, details, reply: undefined, headers, trailers: metadata });
      });
    });
  }

  send(message: string | Buffer): void {
    this.call.write(Buffer.from(message));
  }

  /** Resolves when `count` messages have come in all. */
  async messages(count: number): Promise<readonly Buffer[]> {
    while (this.received.length < count) {
      await new Promise<void>((resolve) => {
        this.#onMessage = resolve;
      });
    }
    return this.received;
  }
}

function same(message: unknown): Buffer {
  return message as Buffer;
}
