import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { whenReady } from '../../../src/redis/when-ready.ts';
import { FakeClock } from '../../support/fake-clock.ts';

class Connection extends EventEmitter {
  status = 'connecting';
}

test('a Redis that refuses at first is waited for until it is there', async () => {
  const client = new Connection();
  client.on('error', () => undefined);
  const clock = new FakeClock();
  let isOver = false;
  const waiting = whenReady(client, { clock, limitMs: 1000 }).then(() => (isOver = true));
  client.emit('error', new Error('ECONNREFUSED'));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(isOver, false);
  client.emit('ready');
  await waiting;
  assert.equal(clock.pending, 0);
  assert.equal(client.listenerCount('ready'), 0);
});

test('it is not waited for longer than may be, nor when it is there', async () => {
  const client = new Connection();
  const clock = new FakeClock();
  const waiting = whenReady(client, { clock, limitMs: 1000 });
  clock.advance(1000);
  await waiting;
  assert.equal(client.listenerCount('ready'), 0);
  client.status = 'ready';
  await whenReady(client, { clock, limitMs: 1000 });
});
