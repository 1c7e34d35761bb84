import { join } from 'node:path';
import { Client, credentials, Metadata, type ClientDuplexStream, type ServiceError } from '@grpc/grpc-js';
import { loadSync, type MethodDefinition } from '@grpc/proto-loader';

const protoFolder = join(import.meta.dirname, '..', '..', '..', '..', 'proto');
const service = 'inference.GRPCInferenceService';

/** A message as an object with the proto's own field names; int64 as text. */
export type Message = Readonly<Record<string, unknown>>;

type Method = MethodDefinition<object, Message>;

/** How a call ended, whichever way it did. */
export interface Outcome {
  /** gRPC status; 0 is OK. */
  readonly code: number;
  readonly details: string;
  readonly reply: Message;
  readonly trailers: Metadata;
}

const definition = loadSync('grpc_service.proto', {
  includeDirs: [protoFolder],
  keepCase: true,
  longs: String,
  defaults: true,
  oneofs: true,
})[service] as Record<string, Method>;

export function methodOf(rpc: string): Method {
  const method = definition[rpc];
  if (method === undefined) throw new Error(`the proto has no ${rpc}`);
  return method;
}

/** A ModelInferRequest as bytes, to be damaged. */
export function encodeInfer(request: object): Buffer {
  return methodOf('ModelInfer').requestSerialize(request);
}

export interface CallExtras {
  readonly metadata?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** Calls the protocol's rpcs through grpc-js with the proto as it is in the repository: a client of somebody else. */
export class ProtocolClient implements Disposable {
  readonly #client: Client;

  constructor(address: string) {
    this.#client = new Client(address, credentials.createInsecure(), {
      'grpc.enable_retries': 0,
      'grpc.use_local_subchannel_pool': 1,
    });
  }

  call(rpc: string, request: object = {}, extras: CallExtras = {}): Promise<Outcome> {
    const { requestSerialize, responseDeserialize } = methodOf(rpc);
    return this.#unary(
      rpc,
      { serialize: requestSerialize, deserialize: responseDeserialize, request },
      extras,
    );
  }

  /** Sends bytes that need not be a message. */
  send(rpc: string, bytes: Buffer): Promise<Outcome> {
    const { responseDeserialize } = methodOf(rpc);
    return this.#unary(
      rpc,
      { serialize: (request: Buffer) => request, deserialize: responseDeserialize, request: bytes },
      {},
    );
  }

  /** @param answersOf rpc whose answers are expected; that of ModelInfer for MLServer's form. */
  stream(
    { metadata, timeoutMs }: CallExtras = {},
    answersOf = 'ModelStreamInfer',
  ): ClientDuplexStream<object, Message> {
    const { path, requestSerialize } = methodOf('ModelStreamInfer');
    const { responseDeserialize } = methodOf(answersOf);
    const headers = headersOf(metadata);
    return this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, headers, {
      deadline: deadlineIn(timeoutMs),
    });
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }

  #unary<T>(
    rpc: string,
    message: {
      readonly serialize: (request: T) => Buffer;
      readonly deserialize: (bytes: Buffer) => Message;
      readonly request: T;
    },
    { metadata, timeoutMs }: CallExtras,
  ): Promise<Outcome> {
    return new Promise((resolve) => {
      let error: ServiceError | null = null;
      let reply: Message = {};
      const call = this.#client.makeUnaryRequest(
        methodOf(rpc).path,
        message.serialize,
        message.deserialize,
        message.request,
        headersOf(metadata),
        { deadline: deadlineIn(timeoutMs) },
        (failure, value) => {
          error = failure;
          reply = value ?? {};
        },
      );
      call.on('status', ({ code, details, metadata: trailers }) => {
        // The callback runs before or after the status, depending on the outcome.
        setImmediate(() => resolve({ code: error?.code ?? code, details, reply, trailers }));
      });
    });
  }
}

function headersOf(metadata: Readonly<Record<string, string>> = {}): Metadata {
  const headers = new Metadata();
  for (const [name, value] of Object.entries(metadata)) headers.set(name, value);
  return headers;
}

/** No call of a test hangs for ever. */
function deadlineIn(timeoutMs = 120_000): number {
  return Date.now() + timeoutMs;
}
