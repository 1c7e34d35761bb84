import { connect } from 'node:http2';
import { once } from 'node:events';
import { join } from 'node:path';
import { loadSync } from '@grpc/proto-loader';
import type { Workload } from './workloads.ts';

export const inferPath = '/inference.GRPCInferenceService/ModelInfer';

/** A ModelInferRequest of one row, as bytes. */
export function inferRequest({ model, dims }: Workload): Buffer {
  const definition = loadSync(join(import.meta.dirname, '..', 'proto', 'grpc_service.proto'), {
    includeDirs: [join(import.meta.dirname, '..', 'proto')],
    keepCase: true,
  });
  const service = definition['inference.GRPCInferenceService'];
  if (service === undefined || !('ModelInfer' in service)) throw new Error('the proto has no ModelInfer');
  const values = new Float32Array(dims.reduce((product, dim) => product * dim, 1));
  for (let index = 0; index < values.length; index += 1) values[index] = (index % 97) / 97;
  return service['ModelInfer'].requestSerialize({
    model_name: model,
    inputs: [{ name: 'input', datatype: 'FP32', shape: [1, ...dims] }],
    raw_input_contents: [new Uint8Array(values.buffer)],
  });
}

/** The message with gRPC's five bytes before it: what h2load posts. */
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
    await once(stream, 'end', { signal: AbortSignal.timeout(10_000) });
    if (status !== '0') throw new Error(`the probe was answered with grpc-status ${String(status)}`);
    return size;
  } finally {
    session.close();
  }
}
