import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { status } from '@grpc/grpc-js';
import { systemClock } from '../../../src/util/clock.ts';
import { TestServer } from './support/server.ts';
import { servicePath } from './support/service.ts';
import { transports } from './support/transports.ts';
import { frame, WireClient } from './support/wire.ts';

for (const { name, start } of transports) {
  describe(`deadlines and cancellation on ${name}`, () => {
    it('passes the deadline on in milliseconds of the clock', async () => {
      await using test = await TestServer.start(start);
      const client = test.client();
      const before = systemClock.now();
      await client.unary('Echo', Buffer.alloc(3), { deadlineMs: 60_000 });
      await client.unary('Echo', Buffer.alloc(3));
      const [limited, unlimited] = test.service.contexts;
      assert.ok(limited !== undefined && unlimited !== undefined);
      const leftMs = limited.deadline - before;
      assert.ok(leftMs > 50_000 && leftMs < 61_000, `${leftMs} ms`);
      assert.equal(unlimited.deadline, Infinity);
      assert.equal(limited.sizeBytes, 3);
      assert.ok(limited.receivedAt >= before && limited.receivedAt <= systemClock.now());
    });

    it('understands every unit of grpc-timeout', async () => {
      await using test = await TestServer.start(start);
      await using wire = new WireClient(test.server.address);
      for (const [timeout, ms] of [
        ['1H', 3_600_000],
        ['2M', 120_000],
        ['100S', 100_000],
        ['50000m', 50_000],
        ['60000000u', 60_000],
        ['00000090S', 90_000],
      ] as const) {
        const before = systemClock.now();
        await wire.call(`${servicePath}Echo`, frame(Buffer.alloc(0)), { 'grpc-timeout': timeout });
        const leftMs = (test.service.contexts.at(-1)?.deadline ?? 0) - before;
        assert.ok(Math.abs(leftMs - ms) < 5_000, `${timeout} gave ${leftMs} ms`);
      }
    });

    for (const timeout of ['25H', '2147483H', '99999999H', '99999999M', '99999999S', '2147484S', '600H']) {
      it(`gives a call with the timeout ${timeout} at least a day`, async () => {
        await using test = await TestServer.start(start);
        await using wire = new WireClient(test.server.address);
        const before = systemClock.now();
        const reply = await wire.call(`${servicePath}Echo`, frame(Buffer.from('long')), {
          'grpc-timeout': timeout,
        });
        assert.equal(reply.trailers?.['grpc-status'], '0');
        const leftMs = (test.service.contexts.at(-1)?.deadline ?? 0) - before;
        assert.ok(leftMs > 24 * 3_600_000, `${leftMs} ms`);
      });
    }

    it('ends a call whose timeout is the shortest there is', { timeout: 60_000 }, async () => {
      await using test = await TestServer.start(start);
      await using wire = new WireClient(test.server.address);
      for (const timeout of ['0n', '1n', '99999999n', '1u']) {
        const { headers } = await wire.call(`${servicePath}Hold`, frame(Buffer.alloc(0)), {
          'grpc-timeout': timeout,
        });
        assert.equal(headers['grpc-status'], String(status.DEADLINE_EXCEEDED), timeout);
      }
    });

    for (const timeout of ['soon', '123456789S', '1 S', '1.5S', '-1S', '1s', 'S', '1S1S', '10']) {
      it(`refuses the grpc-timeout '${timeout}', as the client’s mistake`, async () => {
        await using test = await TestServer.start(start);
        await using wire = new WireClient(test.server.address);
        const { headers } = await wire.call(`${servicePath}Echo`, frame(Buffer.alloc(0)), {
          'grpc-timeout': timeout,
        });
        assert.equal(headers['grpc-status'], String(status.INVALID_ARGUMENT));
      });
    }

    it('ends a call with DEADLINE_EXCEEDED by itself and cancels its context', async () => {
      await using test = await TestServer.start(start);
      await using wire = new WireClient(test.server.address);
      const reply = wire.call(`${servicePath}Hold`, frame(Buffer.alloc(0)), { 'grpc-timeout': '500m' });
      const held = await test.service.held();
      await held.cancelled;
      await held.finished;
      assert.equal(held.call.context.cancelled, true);
      const { headers, trailers } = await reply;
      assert.equal(headers['grpc-status'], String(status.DEADLINE_EXCEEDED));
      assert.equal(trailers, undefined);
    });

    it('cancels the context when the client cancels', async () => {
      await using test = await TestServer.start(start);
      const abort = new AbortController();
      const call = test.client().unary('Hold', Buffer.alloc(0), { signal: abort.signal });
      const held = await test.service.held();
      assert.equal(held.call.context.cancelled, false);
      abort.abort();
      await held.cancelled;
      await held.finished;
      assert.equal((await call).code, status.CANCELLED);
    });

    it('cancels the contexts of all calls of a connection that breaks', async () => {
      await using test = await TestServer.start(start);
      const wire = new WireClient(test.server.address);
      void wire.call(`${servicePath}Hold`, frame(Buffer.alloc(0)));
      void wire.call(`${servicePath}Hold`, frame(Buffer.alloc(0)));
      const held = [await test.service.held(), await test.service.held()];
      wire.session.destroy();
      for (const one of held) {
        await one.cancelled;
        await one.finished;
      }
    });

    it('does not call an answered call cancelled', async () => {
      await using test = await TestServer.start(start);
      await test.client().unary('Echo', Buffer.alloc(0));
      const [context] = test.service.contexts;
      await new Promise<void>((resolve) => context?.onFinished(resolve));
      assert.equal(context?.cancelled, false);
    });
  });
}
