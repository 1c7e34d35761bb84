/**
 * Asks the example models over gRPC with types generated from the proto: npm start -- [host:port]
 *
 * The types come from `npm run generate`; the messages themselves are read from the same proto at run time.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { credentials, loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { ProtoGrpcType } from './generated/grpc_service.ts';
import type { GRPCInferenceServiceClient } from './generated/inference/GRPCInferenceService.ts';
import type { ModelInferRequest } from './generated/inference/ModelInferRequest.ts';
import type { ModelInferResponse__Output } from './generated/inference/ModelInferResponse.ts';

const examples = join(import.meta.dirname, '..', '..');

function connect(address: string): GRPCInferenceServiceClient {
  const definition = loadSync('grpc_service.proto', {
    includeDirs: [join(examples, '..', 'proto')],
    keepCase: true,
    longs: Number,
    defaults: true,
    oneofs: true,
  });
  const loaded = loadPackageDefinition(definition) as unknown as ProtoGrpcType;
  return new loaded.inference.GRPCInferenceService(address, credentials.createInsecure());
}

async function infer(
  client: GRPCInferenceServiceClient,
  request: ModelInferRequest,
): Promise<ModelInferResponse__Output> {
  const call = promisify((done: (error: Error | null, answer?: ModelInferResponse__Output) => void) => {
    client.ModelInfer(request, { deadline: Date.now() + 5000 }, done);
  });
  const answer = await call();
  if (answer === undefined) throw new Error('the server sent no answer');
  return answer;
}

/** An output as 32-bit floats. The bytes are copied because they need not be aligned in the received message. */
function floats(answer: ModelInferResponse__Output, name: string): Float32Array {
  const index = answer.outputs.findIndex((output) => output.name === name);
  const bytes = answer.raw_output_contents[index];
  if (bytes === undefined) throw new Error(`the answer has no output ${name}`);
  return new Float32Array(Uint8Array.from(bytes).buffer);
}

/** The pixels of a plain PGM file. */
function readImage(file: string): Float32Array {
  const [, width, height, , ...pixels] = readFileSync(file, 'utf8').trim().split(/\s+/);
  if (pixels.length !== Number(width) * Number(height)) throw new Error(`${file} is no plain PGM image`);
  return Float32Array.from(pixels, Number);
}

const client = connect(process.argv[2] ?? '127.0.0.1:8001');
const image = readImage(join(examples, 'inputs', 'digit-7.pgm'));
const digit = await infer(client, {
  model_name: 'digits',
  inputs: [{ name: 'image', datatype: 'FP32', shape: [1, 8, 8] }],
  raw_input_contents: [new Uint8Array(image.buffer)],
});
const probability = floats(digit, 'probability');
console.log(`digit: ${probability.indexOf(Math.max(...probability))}`);

// Typed contents are handier to write by hand, and slower.
const flower = await infer(client, {
  model_name: 'iris',
  inputs: [
    { name: 'features', datatype: 'FP32', shape: [1, 4], contents: { fp32_contents: [6.2, 3.4, 5.4, 2.3] } },
  ],
});
console.log(`iris: ${[...floats(flower, 'probability')].map((value) => value.toFixed(3)).join(' ')}`);
client.close();
