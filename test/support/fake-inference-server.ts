import { Server, ServerCredentials, status, type Metadata } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

export type FakeRequest = Record<string, unknown>;
/** Of ModelStreamInfer also several, in a list. */
type Answer = (request: FakeRequest, metadata: Metadata) => object;

/** A failure that a fake handler throws. */
export class FakeStatus extends Error {
  readonly code: number;
  readonly details: string;

  constructor(code: number, details: string) {
    super(details);
    this.code = code;
    this.details = details;
  }
}

/** A remote server of the protocol that answers as the test says; what it is not told is UNIMPLEMENTED. */
export class FakeInferenceServer implements AsyncDisposable {
  readonly answers = new Map<string, Answer>();
  /** Requests as they arrived, by rpc. */
  readonly seen: { readonly rpc: string; readonly request: FakeRequest }[] = [];
  readonly #server = new Server();
  #address = '';

  static async start(
    answers: Readonly<Record<string, Answer>> = {},
    secret: ServerCredentials = ServerCredentials.createInsecure(),
  ): Promise<FakeInferenceServer> {
    const fake = new FakeInferenceServer();
    for (const [rpc, answer] of Object.entries(answers)) fake.answers.set(rpc, answer);
    await fake.#listen(secret);
    return fake;
  }

  get address(): string {
    return this.#address;
  }

  async #listen(secret: ServerCredentials): Promise<void> {
    const options = { keepCase: true, longs: String, enums: String, defaults: true, oneofs: true };
    const file = new URL('../../proto/grpc_service.proto', import.meta.url).pathname;
    const service = loadSync(file, options)['inference.GRPCInferenceService'];
    if (service === undefined || 'format' in service) throw new Error('no such service');
    const unary =
      (rpc: string) =>
      (
        call: { request: FakeRequest; metadata: Metadata },
        done: (error: Error | null, reply?: object) => void,
      ) => {
        try {
          done(null, this.#answer(rpc, call.request, call.metadata));
        } catch (error) {
          done(error instanceof Error ? error : new Error(String(error)));
        }
      };
    const stream = (
      call: NodeJS.EventEmitter & { write(reply: object): void; end(): void; metadata: Metadata },
    ): void => {
      call.on('data', (request: FakeRequest) => {
        const answers = this.#answer('ModelStreamInfer', request, call.metadata);
        for (const answer of Array.isArray(answers) ? answers : [answers]) call.write(answer);
      });
      call.on('end', () => call.end());
    };
    const names = Object.keys(service);
    this.#server.addService(
      service,
      Object.fromEntries(names.map((rpc) => [rpc, rpc === 'ModelStreamInfer' ? stream : unary(rpc)])),
    );
    const port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync('127.0.0.1:0', secret, (error, bound) => {
        if (error === null) resolve(bound);
        else reject(error);
      });
    });
    this.#address = `127.0.0.1:${port}`;
  }

  #answer(rpc: string, request: FakeRequest, metadata: Metadata): object {
    this.seen.push({ rpc, request });
    const answer = this.answers.get(rpc);
    if (answer === undefined) throw new FakeStatus(status.UNIMPLEMENTED, `${rpc} is not here`);
    return answer(request, metadata);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.forceShutdown();
    await Promise.resolve();
  }
}
