import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { status } from '@grpc/grpc-js';
import { TestServer } from './support/server.ts';
import { servicePath } from './support/service.ts';
import { transports } from './support/transports.ts';
import { frame, WireClient } from './support/wire.ts';

for (const { name, start } of transports) {
  describe(`streaming calls on ${name}`, () => {
    it('plays ping-pong', async () => {
      await using test = await TestServer.start(start);
      const stream = test.client().stream('Chat');
      for (let turn = 1; turn <= 20; turn++) {
        stream.send(`turn ${turn}`);
        const received = await stream.messages(turn);
        assert.equal(received[turn - 1]?.toString(), `turn ${turn}`);
      }
      stream.call.end();
      assert.equal((await stream.ended).code, status.OK);
    });

    it('ends OK without a message when the client sends none', async () => {
      await using test = await TestServer.start(start);
      const stream = test.client().stream('Chat');
      stream.call.end();
      assert.equal((await stream.ended).code, status.OK);
      assert.equal(stream.received.length, 0);
    });

    it('takes many messages and answers once', async () => {
      await using test = await TestServer.start(start);
      const stream = test.client().stream('Collect');
      for (let index = 0; index < 500; index++) stream.send(Buffer.alloc(1000, index));
      stream.call.end();
      assert.equal((await stream.ended).code, status.OK);
      assert.equal(stream.received.length, 1);
      assert.equal(stream.received[0]?.length, 500_000);
    });

    it('sends more than fits into any window, with trailing metadata at the end', async () => {
      await using test = await TestServer.start(start);
      const stream = test.client().stream('Burst');
      stream.send(JSON.stringify([40, 100_000]));
      stream.call.end();
      const { code, trailers } = await stream.ended;
      assert.equal(code, status.OK);
      assert.equal(stream.received.length, 40);
      for (const [index, message] of stream.received.entries()) {
        assert.ok(message.equals(Buffer.alloc(100_000, index)));
      }
      assert.deepEqual(trailers.get('x-sent'), ['40']);
    });

    it('waits for a client that does not read, and tells the method when that client has gone', async () => {
      await using test = await TestServer.start(start);
      const client = test.client();
      const stream = client.stream('Burst');
      stream.call.pause();
      stream.send(JSON.stringify([1000, 1_000_000]));
      // Other calls go on meanwhile.
      assert.equal((await client.unary('Echo', Buffer.from('alive'))).reply?.toString(), 'alive');
      stream.call.cancel();
      stream.call.resume();
      assert.equal((await stream.ended).code, status.CANCELLED);
      assert.ok(stream.received.length < 100, `${stream.received.length} messages were buffered`);
    });

    it('fails after messages with trailers, before any with trailers only', async () => {
      await using test = await TestServer.start(start);
      await using wire = new WireClient(test.server.address);
      const later = await wire.call(`${servicePath}FailAfterOne`, Buffer.alloc(0));
      assert.equal(later.headers['grpc-status'], undefined);
      assert.equal(later.headers['x-first'], 'yes');
      assert.deepEqual(later.body, frame(Buffer.from('one')));
      assert.equal(later.trailers?.['grpc-status'], String(status.FAILED_PRECONDITION));
      assert.equal(later.trailers?.['x-first'], undefined);
      const atOnce = await wire.call(`${servicePath}FailAtOnce`, Buffer.alloc(0));
      assert.equal(atOnce.headers['grpc-status'], String(status.FAILED_PRECONDITION));
      assert.equal(atOnce.headers['x-first'], 'yes');
      assert.equal(atOnce.trailers, undefined);
    });

    it('ends a call that the client still sends on', async () => {
      await using test = await TestServer.start(start);
      const stream = test.client().stream('FailAfterOne');
      stream.send('never read');
      const { code, details } = await stream.ended;
      assert.equal(code, status.FAILED_PRECONDITION);
      assert.equal(details, 'after one');
    });

    it('takes messages that arrive in the smallest parts', async () => {
      await using test = await TestServer.start(start);
      await using wire = new WireClient(test.server.address);
      const stream = wire.session.request({
        ':method': 'POST',
        ':path': `${servicePath}Collect`,
        'content-type': 'application/grpc',
        te: 'trailers',
      });
      const parts: Buffer[] = [];
      stream.on('data', (part: Buffer) => parts.push(part));
      const bytes = Buffer.concat([
        frame(Buffer.from('first ')),
        frame(Buffer.alloc(0)),
        frame(Buffer.from('last')),
      ]);
      for (let index = 0; index < bytes.length; index++) {
        await new Promise((resolve) => stream.write(bytes.subarray(index, index + 1), resolve));
      }
      stream.end();
      await new Promise((resolve) => stream.once('close', resolve));
      assert.deepEqual(Buffer.concat(parts), frame(Buffer.from('first last')));
    });
  });
}
