/**
 * What decoding a ModelInferRequest and encoding a ModelInferResponse cost, beside protobufjs.
 * Run: node native-bench/codec-cost.ts [bytes of a tensor...]
 */
import { InferRequestDecoder } from '../src/transport/grpc/infer-request-decoder.ts';
import { InferResponseEncoder } from '../src/transport/grpc/infer-response-encoder.ts';
import { loadService } from '../src/transport/grpc/proto.ts';
import { noParameters } from '../src/inference/request.ts';
import type { InferResponse } from '../src/inference/response.ts';
import { encodeBytesField, encodeStringField } from '../src/transport/grpc/wire-writer.ts';

const passes = 7;

/** Best of several passes, in nanoseconds per call. */
function cost(rounds: number, run: (round: number) => unknown): number {
  let best = Infinity;
  for (let pass = 0; pass < passes; pass++) {
    const start = performance.now();
    for (let round = 0; round < rounds; round++) sink = run(round);
    best = Math.min(best, performance.now() - start);
  }
  return (best / rounds) * 1e6;
}

/** Keeps results alive, so that no call is optimised away. */
let sink: unknown;

function request(rawBytes: number, id: string): Buffer {
  const input = Buffer.concat([
    encodeStringField(1, 'INPUT0'),
    encodeStringField(2, 'FP32'),
    encodeBytesField(3, Buffer.of(1, 16)),
  ]);
  return Buffer.concat([
    encodeStringField(1, 'mlp16'),
    encodeStringField(3, id),
    encodeBytesField(5, input),
    encodeBytesField(6, encodeStringField(1, 'OUTPUT0')),
    encodeBytesField(7, Buffer.alloc(rawBytes)),
  ]);
}

function response(rawBytes: number): InferResponse {
  const output = {
    name: 'OUTPUT0',
    datatype: 'FP32',
    shape: [1, rawBytes / 4],
    data: Buffer.alloc(rawBytes),
  } as const;
  return { model: 'mlp16', version: '1', id: '42', outputs: [output], parameters: noParameters };
}

const decoder = new InferRequestDecoder(64 * 1024 * 1024);
const encoder = new InferResponseEncoder();
const infer = loadService('grpc_service.proto', 'inference.GRPCInferenceService').method('ModelInfer');

const sizes = process.argv.slice(2).map(Number);

for (const rawBytes of sizes.length > 0 ? sizes : [64, 3136, 600_000]) {
  const rounds = rawBytes > 100_000 ? 2_000 : 200_000;
  const same = request(rawBytes, '42');
  const varied = Array.from({ length: 4096 }, (_, index) => request(rawBytes, `request-${index}`).subarray());
  const foreign = Array.from({ length: 64 }, (_, index) =>
    Buffer.concat([encodeStringField(2, String(index)), encodeBytesField(99, Buffer.alloc(2)), same]),
  );
  const answer = response(rawBytes);
  const message = {
    model_name: 'mlp16',
    model_version: '1',
    id: '42',
    outputs: [{ name: 'OUTPUT0', datatype: 'FP32', shape: [1, rawBytes / 4] }],
    raw_output_contents: [answer.outputs[0]?.data],
  };
  const line = {
    rawBytes,
    'decode, skeleton (ns)': cost(rounds, () => decoder.decode(same)),
    'decode, skeleton, other ids': cost(rounds, (round) => decoder.decode(varied[round % 4096] ?? same)),
    'decode, in full': cost(rounds, (round) => decoder.decode(foreign[round % 64] ?? same)),
    'decode, protobufjs': cost(rounds / 10, () => infer.decode(same)),
    encode: cost(rounds, () => encoder.encode(answer)),
    'encode, protobufjs': cost(rounds / 10, () => infer.encode(message)),
  };
  process.stdout.write(
    `${Object.entries(line)
      .map(([name, value]) => `${name}: ${Math.round(value)}`)
      .join('\n')}\n\n`,
  );
}
if (sink === undefined) throw new Error('bug: nothing was measured');
