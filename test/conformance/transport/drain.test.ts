import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import { status } from '@grpc/grpc-js';
import { TestServer } from './support/server.ts';
import { servicePath } from './support/service.ts';
import { transports } from './support/transports.ts';
import { frame, WireClient } from './support/wire.ts';

for (const { name, start } of transports) {
  describe(`draining ${name}`, () => {
    it('is done at once when there is nothing to wait for, idle clients or not', async () => {
      await using test = await TestServer.start(start);
      await using wire = new WireClient(test.server.address);
      await wire.call(`${servicePath}Echo`, frame(Buffer.alloc(0)));
      await test.server.drain(60_000);
      await wire.closed;
      assert.ok(wire.goaways.length > 0);
    });

    it('lets running calls finish, and only then resolves', async () => {
      await using test = await TestServer.start(start);
      const call = test.client().unary('Hold', Buffer.alloc(0));
      const held = await test.service.held();
      let drained = false;
      const draining = test.server.drain(60_000).then(() => {
        drained = true;
        return drained;
      });
      assert.equal(drained, false);
      held.release(Buffer.from('finished'));
      const { code, reply } = await call;
      assert.equal(code, status.OK);
      assert.equal(reply?.toString(), 'finished');
      assert.equal(await draining, true);
    });

    it('lets running streams go on until they end', async () => {
      await using test = await TestServer.start(start);
      const stream = test.client().stream('Chat');
      stream.send('before');
      await stream.messages(1);
      const draining = test.server.drain(60_000);
      stream.send('after');
      await stream.messages(2);
      stream.call.end();
      assert.equal((await stream.ended).code, status.OK);
      await draining;
    });

    it('answers no late call with anything but UNAVAILABLE', async () => {
      await using test = await TestServer.start(start);
      const client = test.client();
      const running = client.unary('Hold', Buffer.alloc(0));
      const held = await test.service.held();
      const draining = test.server.drain(60_000);
      const late = await Promise.all([
        client.unary('Echo', Buffer.alloc(0), { deadlineMs: 60_000 }),
        test.client().unary('Echo', Buffer.alloc(0), { deadlineMs: 60_000 }),
      ]);
      for (const { code } of late) assert.equal(code, status.UNAVAILABLE);
      assert.equal(test.service.contexts.length, 0);
      held.release(Buffer.alloc(0));
      assert.equal((await running).code, status.OK);
      await draining;
    });

    it('cuts off what is still open after the grace', async () => {
      await using test = await TestServer.start(start);
      await using wire = new WireClient(test.server.address);
      const call = wire.call(`${servicePath}Hold`, frame(Buffer.alloc(0)));
      const held = await test.service.held();
      await test.server.drain(30);
      await held.cancelled;
      await held.finished;
      await call;
    });

    it('is not held up by a peer that opened a connection and says nothing', async () => {
      await using test = await TestServer.start(start);
      const socket = connect(test.server.port, '127.0.0.1');
      socket.on('error', () => {});
      socket.resume();
      await new Promise((resolve) => socket.once('connect', resolve));
      await test.client().unary('Echo', Buffer.alloc(0));
      const closed = new Promise((resolve) => socket.once('close', resolve));
      await test.server.drain(100);
      await closed;
    });

    it('can be asked for twice', async () => {
      await using test = await TestServer.start(start);
      await Promise.all([test.server.drain(1_000), test.server.drain(0)]);
    });
  });
}
