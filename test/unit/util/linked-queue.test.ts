import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import { LinkedQueue } from '../../../src/util/linked-queue.ts';

interface Item {
  readonly order: number;
  previous: Item | undefined;
  next: Item | undefined;
}

function contents(queue: LinkedQueue<Item>): readonly Item[] {
  const items: Item[] = [];
  for (let item = queue.first; item !== undefined; item = item.next) items.push(item);
  return items;
}

test('items keep their order through pushes, removals and returns', () => {
  const command = fc.record({ kind: fc.constantFrom('push', 'remove', 'restore'), pick: fc.nat() });
  fc.assert(
    fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
      const queue = new LinkedQueue<Item>();
      const model: Item[] = [];
      const outside: Item[] = [];
      let order = 0;
      for (const { kind, pick } of commands) {
        if (kind === 'push') {
          const item: Item = { order: order++, previous: undefined, next: undefined };
          queue.push(item);
          model.push(item);
        } else if (kind === 'remove' && model.length > 0) {
          const [item] = model.splice(pick % model.length, 1);
          queue.remove(item!);
          outside.push(item!);
        } else if (kind === 'restore' && outside.length > 0) {
          const [item] = outside.splice(pick % outside.length, 1);
          queue.restore(item!, (other) => other.order < item!.order);
          model.push(item!);
          model.sort((a, b) => a.order - b.order);
        }
        assert.deepEqual(
          contents(queue).map((item) => item.order),
          model.map((item) => item.order),
        );
        assert.equal(queue.size, model.length);
        assert.equal(queue.last, model.at(-1));
      }
    }),
  );
});
