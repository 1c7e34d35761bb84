import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Metadata, status } from '@grpc/grpc-js';
import { startH2GrpcServer } from '../../../src/transport/grpc/h2-server.ts';
import { TestServer } from './support/server.ts';
import { servicePath } from './support/service.ts';
import { transports } from './support/transports.ts';
import { frame, WireClient } from './support/wire.ts';

for (const { name, start } of transports) {
  describe(`limits on ${name}`, () => {
    it('takes a message of exactly the limit and refuses one byte more, naming the option', async () => {
      await using test = await TestServer.start(start, { maxMessageBytes: 10_000 });
      const client = test.client();
      assert.equal((await client.unary('Echo', Buffer.alloc(10_000))).code, status.OK);
      const { code, details } = await client.unary('Echo', Buffer.alloc(10_001));
      assert.equal(code, status.RESOURCE_EXHAUSTED);
      assert.match(details, /10000.*--grpc-max-message-bytes/);
      // The connection is still good.
      assert.equal((await client.unary('Echo', Buffer.alloc(10_000))).code, status.OK);
    });

    it('refuses by the length that is claimed, without waiting for the bytes', async () => {
      await using test = await TestServer.start(start, { maxMessageBytes: 10_000 });
      await using wire = new WireClient(test.server.address);
      const stream = wire.session.request({
        ':method': 'POST',
        ':path': `${servicePath}Echo`,
        'content-type': 'application/grpc',
        te: 'trailers',
      });
      stream.on('error', () => {});
      stream.write(Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 1]));
      const [headers] = await new Promise<[Record<string, unknown>]>((resolve) => {
        stream.once('response', (received) => resolve([received]));
      });
      assert.equal(headers['grpc-status'], String(status.RESOURCE_EXHAUSTED));
      stream.close();
    });

    it('applies the limit to each message of a stream', async () => {
      await using test = await TestServer.start(start, { maxMessageBytes: 10_000 });
      const stream = test.client().stream('Chat');
      stream.send(Buffer.alloc(10_000));
      await stream.messages(1);
      stream.send(Buffer.alloc(10_001));
      assert.equal((await stream.ended).code, status.RESOURCE_EXHAUSTED);
    });

    it('announces how many calls a connection may have', async () => {
      await using test = await TestServer.start(start, { maxConcurrentStreams: 7 });
      await using wire = new WireClient(test.server.address);
      const settings = await new Promise<{ maxConcurrentStreams?: number | undefined }>((resolve) => {
        wire.session.once('remoteSettings', resolve);
      });
      assert.equal(settings.maxConcurrentStreams, 7);
    });

    it('lets calls above that number wait at the client and answers them all', async () => {
      await using test = await TestServer.start(start, { maxConcurrentStreams: 4 });
      const client = test.client();
      await client.unary('Echo', Buffer.alloc(0));
      const outcomes = await Promise.all(
        Array.from({ length: 40 }, (_, index) => client.unary('EchoLater', Buffer.from([index]))),
      );
      assert.deepEqual(
        outcomes.map(({ reply }) => reply?.[0]),
        outcomes.map((_, index) => index),
      );
    });

    it('refuses a call with too much metadata, and goes on with the others of its connection', async () => {
      await using test = await TestServer.start(start);
      const client = test.client();
      const others = client.stream('Chat');
      others.send('before');
      await others.messages(1);
      // grpc-js bounds their number, and refuses the call by a reset of its stream, whose code means the same.
      const metadata = new Metadata();
      for (let index = 0; index < 200; index++) metadata.set(`x-large-${index}`, 'y'.repeat(600));
      const { code, details } = await client.unary('Echo', Buffer.from('x'), { metadata });
      assert.equal(code, status.RESOURCE_EXHAUSTED, details);
      others.send('after');
      assert.equal((await others.messages(2)).length, 2);
      others.call.end();
      assert.equal((await others.ended).code, status.OK);
    });

    it('ends a call whose body stops within a message without an OK', async () => {
      await using test = await TestServer.start(start);
      await using wire = new WireClient(test.server.address);
      const { headers, trailers } = await wire.call(
        `${servicePath}Echo`,
        frame(Buffer.alloc(100)).subarray(0, 50),
      );
      assert.notEqual(headers['grpc-status'] ?? trailers?.['grpc-status'], '0');
      assert.equal(test.service.contexts.length, 0);
    });
  });
}

describe('too much metadata', () => {
  it('is refused trailers-only, with what was sent, the limit and the option', async () => {
    await using test = await TestServer.start(startH2GrpcServer, { maxHeaderBytes: 10_000 });
    await using wire = new WireClient(test.server.address);
    const body = frame(Buffer.from('x'));
    const fine = await wire.call(`${servicePath}Echo`, body, { 'x-large': 'y'.repeat(9000) });
    assert.equal(fine.trailers?.['grpc-status'], '0');
    const refused = await wire.call(`${servicePath}Echo`, body, { 'x-large': 'y'.repeat(11_000) });
    assert.equal(refused.trailers, undefined);
    assert.equal(refused.headers['grpc-status'], String(status.RESOURCE_EXHAUSTED));
    const text = decodeURIComponent(String(refused.headers['grpc-message']));
    assert.match(text, /^metadata of 1[1-2]\d{3} bytes.* limit of 10000 bytes \(--max-header-bytes\)$/);
    assert.equal(wire.goaways.length, 0);
    assert.equal(test.service.contexts.length, 1);
  });
});
