import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import { ServingError } from '../../../src/errors.ts';
import { CallPort, type Handlers } from '../../../src/io-threads/call-port.ts';

interface Far {
  double(asked: { readonly n: number }): number;
  fail(asked: { readonly how: 'refused' | 'broken' }): void;
  note(asked: { readonly text: string }): void;
  notes(asked: undefined): readonly string[];
  never(asked: undefined): void;
}

interface Near {
  half(asked: { readonly n: number }): number;
}

/** Two ends in one process, as a worker and its parent would hold them. */
class Pair implements Disposable {
  readonly near: CallPort<Far, Near>;
  readonly far: CallPort<Near, Far>;
  readonly #channel = new MessageChannel();

  constructor() {
    const notes: string[] = [];
    const handlers: Handlers<Far> = {
      double: ({ n }) => n * 2,
      fail({ how }) {
        if (how === 'broken') throw new TypeError('a fault');
        throw new ServingError('resource_exhausted', 'too much', { reason: 'QUEUE_FULL', retryAfterMs: 7 });
      },
      async note({ text }) {
        notes.push(text);
        await Promise.resolve();
        if (text === 'bad') throw new Error('nobody hears this');
      },
      notes: () => notes,
      never: () => new Promise(() => undefined),
    };
    this.near = new CallPort<Far, Near>(this.#channel.port1, { half: ({ n }) => n / 2 });
    this.far = new CallPort<Near, Far>(this.#channel.port2, handlers);
  }

  [Symbol.dispose](): void {
    this.#channel.port1.close();
  }
}

test('both sides call each other and get their own answers', async () => {
  using pair = new Pair();
  const answers = [
    pair.near.ask('double', { n: 2 }),
    pair.far.ask('half', { n: 8 }),
    pair.near.ask('double', { n: 5 }),
  ];
  assert.deepEqual(await Promise.all(answers), [4, 4, 10]);
});

test('an expected failure crosses with all that a client is told', async () => {
  using pair = new Pair();
  await assert.rejects(pair.near.ask('fail', { how: 'refused' }), (error: unknown) => {
    assert.ok(error instanceof ServingError);
    assert.deepEqual(
      [error.code, error.message, error.reason, error.retryAfterMs],
      ['resource_exhausted', 'too much', 'QUEUE_FULL', 7],
    );
    return true;
  });
});

test('a fault becomes internal, and its text stays in the cause', async () => {
  using pair = new Pair();
  await assert.rejects(pair.near.ask('fail', { how: 'broken' }), (error: unknown) => {
    assert.ok(error instanceof ServingError && error.cause instanceof Error);
    assert.deepEqual([error.code, error.message], ['internal', 'internal error']);
    assert.match(error.cause.message, /TypeError: a fault/);
    return true;
  });
});

test('what is told is done before what is asked afterwards', async () => {
  using pair = new Pair();
  pair.near.tell('note', { text: 'first' });
  pair.near.tell('note', { text: 'second' });
  assert.deepEqual(await pair.near.ask('notes', undefined), ['first', 'second']);
});

test('a failure of what was told harms nobody', async () => {
  using pair = new Pair();
  pair.near.tell('note', { text: 'bad' });
  assert.deepEqual(await pair.near.ask('notes', undefined), ['bad']);
});

test('whoever waits for a lost side gets the loss, now and later', async () => {
  using pair = new Pair();
  const waiting = pair.near.ask('never', undefined);
  pair.near.lose(new ServingError('unavailable', 'gone'));
  pair.near.tell('note', { text: 'unheard' });
  await assert.rejects(waiting, /gone/);
  await assert.rejects(pair.near.ask('double', { n: 1 }), /gone/);
});
