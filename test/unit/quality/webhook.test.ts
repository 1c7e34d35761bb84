import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Webhook } from '../../../src/quality/webhook.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const event = { kind: 'drift', model: 'm', version: '1', details: {} } as const;

interface Posted {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** @param answers a status, or an error, for each try; the last one for all others. */
function webhookOf(...answers: readonly (number | Error)[]) {
  const clock = new FakeClock();
  const posted: Posted[] = [];
  const problems: string[] = [];
  const logger = {
    debug() {},
    info() {},
    warn: (_: object, text: string) => void problems.push(text),
    error: (_: object, text: string) => void problems.push(text),
  };
  const webhook = new Webhook({
    url: 'http://hook',
    secret: 'secret',
    clock,
    logger,
    post(_url, headers, body) {
      posted.push({ headers, body });
      const answer = answers[Math.min(posted.length, answers.length) - 1] ?? 200;
      return typeof answer === 'number' ? Promise.resolve(answer) : Promise.reject(answer);
    },
  });
  return { webhook, clock, posted, problems };
}

test('a message is signed over its time and its body', async () => {
  const { webhook, posted } = webhookOf(200);
  webhook.send(event);
  await nextTurn();
  const [{ headers, body } = { headers: {}, body: '' }] = posted;
  const signed = createHmac('sha256', 'secret')
    .update(`${headers['x-tensorgate-timestamp']}.${body}`)
    .digest('hex');
  assert.equal(headers['x-tensorgate-signature'], `sha256=${signed}`);
  assert.equal(JSON.parse(body).event, 'drift');
});

test('what is not taken is tried again later, with the same id, and given up after six tries', async () => {
  const { webhook, clock, posted, problems } = webhookOf(new Error('refused'), 500, 302, 500);
  webhook.send(event);
  for (let i = 0; i < 200; i++) {
    await nextTurn();
    clock.advance(1000);
  }
  assert.equal(posted.length, 6);
  assert.equal(new Set(posted.map(({ body }) => String(JSON.parse(body).id))).size, 1);
  assert.equal(problems.at(-1), 'webhook: an event was given up');
});

test('a receiver that does not answer is left alone after three tries, and told of by the breaker', async () => {
  const { webhook, clock, posted, problems } = webhookOf(500, 500, 500, 200);
  webhook.send(event);
  for (let second = 0; second < 3; second++) {
    await nextTurn();
    clock.advance(1000);
  }
  await nextTurn();
  assert.deepEqual([posted.length, webhook.reading().state], [3, 'open']);
  assert.deepEqual(problems, ['breaker open: nothing is exported for a while']);
  webhook.send(event);
  await nextTurn();
  assert.equal(posted.length, 3);
  for (let second = 0; second < 10; second++) {
    clock.advance(1000);
    await nextTurn();
  }
  assert.deepEqual([posted.length, webhook.reading().state], [5, 'closed']);
});

test('a receiver that refuses events is no reason to stop', async () => {
  const { webhook, clock, posted } = webhookOf(404);
  webhook.send(event);
  for (let i = 0; i < 100; i++) {
    await nextTurn();
    clock.advance(1000);
  }
  assert.equal(posted.length, 6);
  assert.equal(webhook.reading().opened, 0);
});

test('events go one after the other, and a bounded number of them waits', async () => {
  const { webhook, posted, problems } = webhookOf(200);
  for (let i = 0; i < 120; i++) webhook.send(event);
  assert.equal(posted.length, 1);
  assert.equal(problems.length, 20);
  await nextTurn();
  assert.equal(posted.length, 100);
});

test('nothing is sent any more once it is closed', async () => {
  const { webhook, clock, posted } = webhookOf(500);
  webhook.send(event);
  await nextTurn();
  webhook[Symbol.dispose]();
  webhook.send(event);
  clock.advance(10_000);
  await nextTurn();
  assert.equal(posted.length, 1);
});

test('what waits for a receiver that says nothing is given up at the end', () => {
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  let asked: AbortSignal | undefined;
  const webhook = new Webhook({
    url: 'http://hook',
    secret: 'secret',
    clock: new FakeClock(),
    logger,
    post(_url, _headers, _body, signal) {
      asked = signal;
      return new Promise(() => undefined);
    },
  });
  webhook.send(event);
  assert.equal(asked?.aborted, false);
  webhook[Symbol.dispose]();
  assert.equal(asked.aborted, true);
});
