import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MessageQueue } from '../../../../src/transport/grpc/message-queue.ts';

function create(): { queue: MessageQueue; flow: string[] } {
  const flow: string[] = [];
  return {
    flow,
    queue: new MessageQueue({ pause: () => flow.push('pause'), resume: () => flow.push('resume') }),
  };
}

describe('MessageQueue', () => {
  it('hands messages over in order, before and after somebody reads', async () => {
    const { queue } = create();
    queue.push(Buffer.from('a'));
    queue.push(Buffer.from('b'));
    const read: string[] = [];
    const reading = (async () => {
      for await (const message of queue) read.push(message.toString());
    })();
    await Promise.resolve();
    queue.push(Buffer.from('c'));
    queue.end();
    await reading;
    assert.deepEqual(read, ['a', 'b', 'c']);
  });

  it('pauses the sender when sixteen wait and lets it go on when none does', async () => {
    const { queue, flow } = create();
    for (let index = 0; index < 15; index++) queue.push(Buffer.alloc(0));
    assert.deepEqual(flow, []);
    queue.push(Buffer.alloc(0));
    assert.deepEqual(flow, ['pause']);
    for (let index = 0; index < 15; index++) await queue.next();
    assert.deepEqual(flow, ['pause']);
    await queue.next();
    assert.deepEqual(flow, ['pause', 'resume']);
  });

  it('gives a failure to a reader that waits, and to the next one', async () => {
    const { queue } = create();
    const waiting = queue.next();
    queue.fail(new Error('gone'));
    await assert.rejects(waiting, /gone/);
    await assert.rejects(queue.next(), /gone/);
  });

  it('drops what waits when it fails or when the reader leaves', async () => {
    const { queue } = create();
    queue.push(Buffer.alloc(0));
    queue.fail(new Error('gone'));
    await assert.rejects(queue.next(), /gone/);
    const { queue: left, flow } = create();
    left.push(Buffer.from('x'));
    left.push(Buffer.from('y'));
    for await (const _ of left) break;
    assert.deepEqual(await left.next(), { done: true, value: undefined });
    assert.deepEqual(flow, ['resume']);
    left.push(Buffer.from('late'));
    assert.equal((await left.next()).done, true);
  });
});
