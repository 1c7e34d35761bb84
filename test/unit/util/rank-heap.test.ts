import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import { RankHeap } from '../../../src/util/rank-heap.ts';

interface Item {
  readonly rank: number;
  readonly order: number;
  heapIndex: number;
}

test('items leave by rank, equals in the order they came, whatever is taken out in between', () => {
  const command = fc.oneof(
    fc.record({ kind: fc.constant('push' as const), rank: fc.integer({ min: 0, max: 9 }) }),
    fc.record({ kind: fc.constant('pop' as const) }),
    fc.record({ kind: fc.constant('remove' as const), pick: fc.nat() }),
  );
  fc.assert(
    fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
      const heap = new RankHeap<Item>();
      const model: Item[] = [];
      let order = 0;
      for (const next of commands) {
        if (next.kind === 'push') {
          const item = { rank: next.rank, order: order++, heapIndex: -1 };
          heap.push(item);
          model.push(item);
          model.sort((a, b) => a.rank - b.rank || a.order - b.order);
        } else if (next.kind === 'pop') {
          assert.equal(heap.pop(), model.shift());
        } else if (model.length > 0) {
          const [item] = model.splice(next.pick % model.length, 1);
          assert.equal(heap.remove(item!), true);
          assert.equal(item!.heapIndex, -1);
        }
        assert.equal(heap.size, model.length);
        assert.equal(heap.peek(), model[0]);
      }
    }),
  );
});

test('an item that is not inside is not taken out', () => {
  const heap = new RankHeap<Item>();
  heap.push({ rank: 1, order: 0, heapIndex: -1 });
  assert.equal(heap.remove({ rank: 1, order: 0, heapIndex: 0 }), false);
  assert.equal(heap.size, 1);
});

test('the leaf is not the first of several', () => {
  const heap = new RankHeap<Item>();
  assert.equal(heap.leaf(), undefined);
  for (let rank = 0; rank < 5; rank++) heap.push({ rank, order: rank, heapIndex: -1 });
  assert.notEqual(heap.leaf(), heap.peek());
});
