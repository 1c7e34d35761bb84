import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { status } from '@grpc/grpc-js';
import { ServingError } from '../../../src/errors.ts';
import type { Principal } from '../../../src/inference/principal.ts';
import { grpcStatusCodes } from '../../../src/transport/grpc/status.ts';
import { TestServer } from './support/server.ts';
import { servicePath, type Failure } from './support/service.ts';
import { transports } from './support/transports.ts';
import { frame, WireClient } from './support/wire.ts';

function failure(options: Failure): Buffer {
  return Buffer.from(JSON.stringify(options));
}

for (const { name, start } of transports) {
  describe(`statuses on ${name}`, () => {
    it('gives every error code its status and its text', async () => {
      await using test = await TestServer.start(start);
      const client = test.client();
      for (const [code, expected] of Object.entries(grpcStatusCodes)) {
        const request = failure({ code: code as Failure['code'], message: `it is ${code}` });
        const outcome = await client.unary('Fail', request);
        assert.equal(outcome.code, expected);
        assert.equal(outcome.details, `it is ${code}`);
      }
    });

    it('sends a failure trailers-only, in one header block', async () => {
      await using test = await TestServer.start(start);
      await using wire = new WireClient(test.server.address);
      for (const rpc of ['Fail', 'MetadataThenFail']) {
        const request = frame(failure({ code: 'not_found', message: 'gone' }));
        const { headers, trailers, body } = await wire.call(servicePath + rpc, request, { 'x-text': 'a' });
        assert.equal(headers[':status'], 200);
        assert.equal(headers['grpc-status'], '5');
        assert.equal(trailers, undefined);
        assert.equal(body.length, 0);
        if (rpc === 'MetadataThenFail') assert.equal(headers['x-text'], 'a');
      }
    });

    it('percent-encodes what is not ASCII in messages, and sends no control characters', async () => {
      await using test = await TestServer.start(start);
      const client = test.client();
      const message = 'ünïcode 漢字 🚀 100% "quoted"';
      assert.equal((await client.unary('Fail', failure({ code: 'internal', message }))).details, message);
      await using wire = new WireClient(test.server.address);
      const { headers } = await wire.call(
        `${servicePath}Fail`,
        frame(failure({ code: 'internal', message: '100% ü\n' })),
      );
      assert.match(String(headers['grpc-message']), /^100%25(?: |%20)%C3%BC(?:\?|%3F)$/);
    });

    it('survives messages with lone surrogates and bounds long ones', async () => {
      await using test = await TestServer.start(start);
      const client = test.client();
      const broken = await client.unary('Fail', failure({ code: 'internal', message: 'half \ud800 pair' }));
      assert.equal(broken.details, 'half \ufffd pair');
      const long = await client.unary('Fail', failure({ code: 'internal', message: 'x'.repeat(100_000) }));
      assert.match(long.details, /^x{1000}/);
      assert.ok(Buffer.byteLength(long.details) <= 1024);
    });

    it('tells nothing of unexpected errors', async () => {
      await using test = await TestServer.start(start);
      const outcome = await test.client().unary('Break', Buffer.alloc(0));
      assert.equal(outcome.code, status.INTERNAL);
      assert.equal(outcome.details, 'internal error');
      assert.doesNotMatch(JSON.stringify(outcome.trailers.toJSON()), /passwd|secret/);
    });

    it('says when to try again, and the reason as google.rpc.ErrorInfo', async () => {
      await using test = await TestServer.start(start);
      const { code, trailers } = await test
        .client()
        .unary(
          'Fail',
          failure({ code: 'resource_exhausted', message: 'full', reason: 'QUEUE_FULL', retryAfterMs: 12.3 }),
        );
      assert.equal(code, status.RESOURCE_EXHAUSTED);
      assert.deepEqual(trailers.get('grpc-retry-pushback-ms'), ['13']);
      const [details] = trailers.get('grpc-status-details-bin');
      assert.ok(Buffer.isBuffer(details));
      assert.ok(details.includes('type.googleapis.com/google.rpc.ErrorInfo'));
      assert.ok(details.includes('QUEUE_FULL'));
    });

    it('refuses callers that authentication refuses, but asks nobody where all may call', async () => {
      const authenticate = (header: (key: string) => string | undefined): Principal => {
        if (header('authorization') === 'Bearer good') {
          return { name: 'good', scopes: new Set(['infer']), weight: 1 };
        }
        throw new ServingError('unauthenticated', 'no key');
      };
      await using test = await TestServer.start(start, { authenticate });
      await using wire = new WireClient(test.server.address);
      const good = { authorization: 'Bearer good' };
      const statusOf = async (rpc: string, headers: Record<string, string>): Promise<string | undefined> => {
        const reply = await wire.call(servicePath + rpc, frame(Buffer.alloc(0)), headers);
        return String(reply.headers['grpc-status'] ?? reply.trailers?.['grpc-status']);
      };
      assert.equal(await statusOf('Echo', {}), String(status.UNAUTHENTICATED));
      assert.equal(await statusOf('Chat', {}), String(status.UNAUTHENTICATED));
      assert.equal(await statusOf('Echo', good), String(status.OK));
      assert.equal(await statusOf('Admin', good), String(status.PERMISSION_DENIED));
      assert.equal(await statusOf('Open', {}), String(status.OK));
    });
  });
}
