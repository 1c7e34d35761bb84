import { connect } from 'node:http2';
import { once } from 'node:events';
import { join } from 'node:path';
import { loadSync } from '@grpc/proto-loader';

export const inferPath = '/inference.GRPCInferenceService/ModelInfer';

const protoFolder = join(import.meta.dirname, '..', '..', 'proto');

/** The input that a raw request is for. */
export interface RawInput {
  readonly model: string;
  readonly input: string;
  /** Without the batch dimension. */
  readonly dims: readonly number[];
  /** 1 when left out. */
  readonly rows?: number;
}

/** A ModelInferRequest of floats, as bytes. */
export function inferRequest({ model, input, dims, rows = 1 }: RawInput): Buffer {
  const definition = loadSync('grpc_service.proto', { includeDirs: [protoFolder], keepCase: true });
  const service = definition['inference.GRPCInferenceService'];
  if (service === undefined || !('ModelInfer' in service)) throw new Error('the proto has no ModelInfer');
  const values = new Float32Array(dims.reduce((product, dim) => product * dim, rows));
  for (let index = 0; index < values.length; index += 1) values[index] = (index % 97) / 97;
  return service['ModelInfer'].requestSerialize({
    model_name: model,
    inputs: [{ name: input, datatype: 'FP32', shape: [rows, ...dims] }],
    raw_input_contents: [new Uint8Array(values.buffer)],
  });
}

/** The message with gRPC's five bytes before it: what an HTTP/2 load generator posts. */
export function framed(message: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/**
 * Sends one request by itself and returns the size of the reply's message. h2load does not look at grpc-status, so this
 * is how a run is known to have got answers, not errors: an error has no message.
 */
export async function replySizeBytes(port: number, body: Buffer): Promise<number> {
  const session = connect(`http://127.0.0.1:${port}`);
  try {
    const stream = session.request({
      ':method': 'POST',
      ':path': inferPath,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    let status: unknown;
    let size = 0;
    const readStatus = (headers: Record<string, unknown>): void => {
      status = headers['grpc-status'] ?? status;
    };
    stream.on('response', readStatus).on('trailers', readStatus);
    stream.on('data', (chunk: Buffer) => {
      size += chunk.length;
    });
    stream.end(body);
    await once(stream, 'end', { signal: AbortSignal.timeout(60_000) });
    if (status !== '0') throw new Error(`the probe was answered with grpc-status ${String(status)}`);
    return size;
  } finally {
    session.close();
  }
}
