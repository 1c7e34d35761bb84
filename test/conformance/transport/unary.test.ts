import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { status } from '@grpc/grpc-js';
import { TestServer } from './support/server.ts';
import { servicePath } from './support/service.ts';
import { transports } from './support/transports.ts';
import { frame, WireClient } from './support/wire.ts';

for (const { name, start } of transports) {
  describe(`unary calls on ${name}`, () => {
    it('answers with what the method returns, at once or later', async () => {
      await using test = await TestServer.start(start);
      const client = test.client();
      for (const rpc of ['Echo', 'EchoLater']) {
        const outcome = await client.unary(rpc, Buffer.from('hello'));
        assert.equal(outcome.code, status.OK);
        assert.equal(outcome.reply?.toString(), 'hello');
      }
    });

    it('carries empty messages and messages of megabytes', async () => {
      await using test = await TestServer.start(start);
      const client = test.client();
      for (const size of [0, 1, 16_384, 65_536, 1_000_000, 4 * 1024 * 1024]) {
        const message = Buffer.alloc(size, size % 251);
        const { code, reply } = await client.unary('Echo', message);
        assert.equal(code, status.OK);
        assert.ok(reply?.equals(message), `${size} bytes differ`);
      }
    });

    it('sends a reply in pieces as one message', async () => {
      await using test = await TestServer.start(start);
      const { reply } = await test.client().unary('Pieces', Buffer.from('abcdef'));
      assert.equal(reply?.toString(), 'abcdef.');
    });

    it('keeps concurrent calls on one connection apart', async () => {
      await using test = await TestServer.start(start);
      const client = test.client();
      const outcomes = await Promise.all(
        Array.from({ length: 200 }, (_, index) =>
          client.unary('EchoLater', Buffer.alloc(1 + ((index * 997) % 5000), index)),
        ),
      );
      for (const [index, { reply }] of outcomes.entries()) {
        assert.ok(reply?.equals(Buffer.alloc(1 + ((index * 997) % 5000), index)));
      }
    });

    it('keeps calls on many connections apart', async () => {
      await using test = await TestServer.start(start);
      const outcomes = await Promise.all(
        Array.from({ length: 32 }, (_, index) => test.client().unary('Echo', Buffer.from(`client ${index}`))),
      );
      assert.deepEqual(
        outcomes.map(({ reply }) => reply?.toString()),
        outcomes.map((_, index) => `client ${index}`),
      );
    });

    it('refuses an unknown method with UNIMPLEMENTED, trailers-only', async () => {
      await using test = await TestServer.start(start);
      await using wire = new WireClient(test.server.address);
      for (const path of ['/no.Service/Method', `${servicePath}Nothing`, '/']) {
        const { headers, trailers, body } = await wire.call(path, frame(Buffer.alloc(0)));
        assert.equal(headers[':status'], 200);
        assert.equal(headers['grpc-status'], String(status.UNIMPLEMENTED));
        assert.equal(trailers, undefined);
        assert.equal(body.length, 0);
      }
    });

    it('refuses content that is not gRPC with 415', async () => {
      await using test = await TestServer.start(start);
      await using wire = new WireClient(test.server.address);
      const { headers } = await wire.call(`${servicePath}Echo`, Buffer.from('{}'), {
        'content-type': 'application/json',
      });
      assert.equal(headers[':status'], 415);
    });

    it('frames replies as gRPC says: flag, length, message, then trailers', async () => {
      await using test = await TestServer.start(start);
      await using wire = new WireClient(test.server.address);
      const { headers, trailers, body } = await wire.call(`${servicePath}Echo`, frame(Buffer.from('abc')));
      assert.equal(headers[':status'], 200);
      assert.match(String(headers['content-type']), /^application\/grpc/);
      assert.equal(headers['grpc-status'], undefined);
      assert.deepEqual(body, frame(Buffer.from('abc')));
      assert.equal(trailers?.['grpc-status'], '0');
    });

    it('does not answer OK to two messages, or to none', async () => {
      await using test = await TestServer.start(start);
      await using wire = new WireClient(test.server.address);
      const one = frame(Buffer.from('a'));
      for (const body of [Buffer.alloc(0), Buffer.concat([one, one])]) {
        const { headers, trailers } = await wire.call(`${servicePath}Echo`, body);
        const code = headers['grpc-status'] ?? trailers?.['grpc-status'];
        assert.notEqual(code, '0');
        assert.notEqual(code, undefined);
      }
      assert.equal(test.service.contexts.length, 0);
    });

    it('finishes the context of every call once its reply is written', async () => {
      await using test = await TestServer.start(start);
      const client = test.client();
      const call = client.unary('Hold', Buffer.from('x'));
      const held = await test.service.held();
      held.release(Buffer.from('done'));
      await held.finished;
      assert.equal(held.call.context.cancelled, false);
      assert.equal((await call).reply?.toString(), 'done');
    });
  });
}
