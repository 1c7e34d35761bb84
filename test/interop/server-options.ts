import { silentLogger } from '../../src/inference/logger.ts';
import { anonymous } from '../../src/inference/principal.ts';
import type { GrpcServerOptions } from '../../src/transport/grpc/method.ts';
import { systemClock } from '../../src/util/clock.ts';

/** Options of a server on a free port of the loopback, without limits that a slow machine could hit. */
export const loopbackOptions: GrpcServerOptions = {
  listen: { host: '127.0.0.1', port: 0 },
  methods: [],
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
};
