import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connect } from 'node:http2';
import { once } from 'node:events';
import { anonymous } from '../../../../src/inference/principal.ts';
import { silentLogger } from '../../../../src/inference/logger.ts';
import { startH2GrpcServer } from '../../../../src/transport/grpc/h2-server.ts';
import type { GrpcMethod } from '../../../../src/transport/grpc/method.ts';
import { systemClock } from '../../../../src/util/clock.ts';
import { uint32 } from '../../../support/h2-frames.ts';

const listening: GrpcMethod = {
  kind: 'stream',
  path: '/t/Listen',
  scope: 'none',
  async handle(messages) {
    for await (const _ of messages);
  },
};

describe('a streaming call', () => {
  it('is refused the message that would pass the memory bound, while it still arrives', async () => {
    const server = await startH2GrpcServer({
      listen: { host: '127.0.0.1', port: 0 },
      methods: [listening],
      tls: undefined,
      authenticate: () => anonymous,
      clock: systemClock,
      logger: silentLogger,
      maxMessageBytes: 64 << 20,
      maxConcurrentStreams: 10,
      maxConnectionAgeMs: 0,
      maxConnectionAgeGraceMs: 0,
      maxConnectionIdleMs: 0,
      keepaliveTimeMs: 0,
      keepaliveTimeoutMs: 1000,
      limits: { maxConnectionBytes: 100_000 },
    });
    const session = connect(`http://${server.address}`);
    const stream = session.request({
      ':method': 'POST',
      ':path': '/t/Listen',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    stream.on('error', () => {});
    stream.write(Buffer.concat([Buffer.from([0]), uint32(50_000), Buffer.alloc(50_000)]));
    stream.write(Buffer.concat([Buffer.from([0]), uint32(1_000_000), Buffer.alloc(200_000)]));
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
    assert.equal(headers['grpc-status'], '8');
    session.destroy();
    await server.drain(0);
    assert.equal(server.counters.heldBytes, 0);
    assert.equal(server.counters.limitHits.connectionBytes, 1);
  });
});
