import assert from 'node:assert/strict';
import { test } from 'node:test';
import { initialDoorMargin, nextDoorMargin } from '../../../../src/batching/policy/door-margin.ts';

function after(margin: number, endings: Iterable<'refused' | 'lost'>): number {
  let next = margin;
  for (const ending of endings) next = nextDoorMargin(next, ending);
  return next;
}

test('requests that were let in and given up make the door stricter, to a bound', () => {
  assert.ok(
    after(
      initialDoorMargin,
      Array.from({ length: 10 }, () => 'lost' as const),
    ) > 1.19,
  );
  assert.ok(
    after(
      initialDoorMargin,
      Array.from({ length: 1_000 }, () => 'lost' as const),
    ) <= 1.5,
  );
});

test('refusals at the door make it milder again, never milder than at first', () => {
  assert.ok(
    after(
      1.3,
      Array.from({ length: 1_000 }, () => 'refused' as const),
    ) < 1.26,
  );
  assert.equal(
    after(
      1.3,
      Array.from({ length: 10_000 }, () => 'refused' as const),
    ),
    initialDoorMargin,
  );
});

test('the margin stays where one in 200 is lost', () => {
  const endings = Array.from({ length: 2_000 }, (_, index) =>
    index % 200 === 0 ? ('lost' as const) : ('refused' as const),
  );
  assert.ok(Math.abs(after(1.3, endings) - 1.3) < 0.011);
});
