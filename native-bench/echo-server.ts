/*
 * A bare gRPC echo on our HTTP/2, to measure the transport alone. `PORT=n node native-bench/echo-server.ts`; the method
 * is the one that the inference service has, so that the same load files serve both.
 */
import { silentLogger } from '../src/inference/logger.ts';
import { anonymous } from '../src/inference/principal.ts';
import { startH2GrpcServer } from '../src/transport/grpc/h2-server.ts';
import type { GrpcMethod } from '../src/transport/grpc/method.ts';
import { systemClock } from '../src/util/clock.ts';

const echo: GrpcMethod = {
  kind: 'unary',
  path: '/inference.GRPCInferenceService/ModelInfer',
  scope: 'infer',
  handle: process.env['ASYNC'] === '1' ? async (message) => message : (message) => message,
};

const server = await startH2GrpcServer({
  listen: { host: '127.0.0.1', port: Number(process.env['PORT'] ?? 0) },
  methods: [echo],
  tls: undefined,
  authenticate: () => anonymous,
  clock: systemClock,
  logger: silentLogger,
  maxMessageBytes: 64 << 20,
  maxConcurrentStreams: 1000,
  maxConnectionAgeMs: Number.POSITIVE_INFINITY,
  maxConnectionAgeGraceMs: 30_000,
  maxConnectionIdleMs: Number.POSITIVE_INFINITY,
  keepaliveTimeMs: 7_200_000,
  keepaliveTimeoutMs: 20_000,
});
process.stdout.write(`echo on ${server.address}\n`);
process.once('SIGTERM', () => void server.drain(100));
