import { once } from 'node:events';
import { connect, type ClientHttp2Session } from 'node:http2';
import { join } from 'node:path';
import { loadSync, type ServiceDefinition } from '@grpc/proto-loader';
import { framed } from './raw-infer.ts';

const serviceName = 'inference.GRPCInferenceService';
let loaded: ServiceDefinition | undefined;

function serviceDefinition(): ServiceDefinition {
  if (loaded === undefined) {
    const includeDirs = [join(import.meta.dirname, '..', '..', 'proto')];
    const found = loadSync('grpc_service.proto', { includeDirs, keepCase: true, longs: Number })[serviceName];
    if (found === undefined || 'format' in found) throw new Error('the proto has no such service');
    loaded = found;
  }
  return loaded;
}

/** A call that ended with another status than OK. */
export class CallError extends Error {
  readonly status: number;
  /** When to try again; 0 when the server did not say. */
  readonly retryAfterMs: number;

  constructor(status: number, message: string, retryAfterMs: number) {
    super(`${status}: ${message}`);
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

/** One connection that is shared with nobody; grpc-js would put clients of one address on the same. */
export class GrpcConnection implements Disposable {
  readonly #session: ClientHttp2Session;

  private constructor(session: ClientHttp2Session) {
    this.#session = session;
    // Calls hear of it.
    session.on('error', () => {});
  }

  static async open(port: number): Promise<GrpcConnection> {
    const session = connect(`http://127.0.0.1:${port}`);
    await once(session, 'connect');
    return new GrpcConnection(session);
  }

  get closed(): boolean {
    return this.#session.closed || this.#session.destroyed;
  }

  /** Resolves when the server has read everything that was sent before. */
  ping(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#session.ping((error) => (error === null ? resolve() : reject(error)));
    });
  }

  /** Calls an rpc of the protocol. @throws CallError, or what the connection failed with. */
  async call(
    rpc: string,
    request: object,
    metadata: Readonly<Record<string, string>> = {},
  ): Promise<Readonly<Record<string, unknown>>> {
    const method = serviceDefinition()[rpc];
    if (method === undefined) throw new Error(`no rpc ${rpc}`);
    const stream = this.#session.request({
      ':method': 'POST',
      ':path': `/${serviceName}/${rpc}`,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...metadata,
    });
    const chunks: Buffer[] = [];
    let status = 14;
    let text = 'no status';
    let retryAfterMs = 0;
    const readStatus = (headers: Readonly<Record<string, string | undefined>>): void => {
      if (headers['grpc-status'] === undefined) return;
      status = Number(headers['grpc-status']);
      text = decodeURIComponent(headers['grpc-message'] ?? '');
      retryAfterMs = Number(headers['grpc-retry-pushback-ms'] ?? 0);
    };
    stream.on('response', readStatus).on('trailers', readStatus);
    stream.on('data', (chunk: Buffer) => void chunks.push(chunk));
    stream.end(framed(method.requestSerialize(request)));
    await once(stream, 'end', { signal: AbortSignal.timeout(60_000) });
    if (status !== 0) throw new CallError(status, text, retryAfterMs);
    return { ...method.responseDeserialize(Buffer.concat(chunks).subarray(5)) };
  }

  [Symbol.dispose](): void {
    this.#session.destroy();
  }
}
