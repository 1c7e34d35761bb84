import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Parameter } from '../../../src/inference/request.ts';
import { placeParameters, readOutputPlace, readPlace } from '../../../src/inference/shared-memory-rules.ts';
import { refusalOf } from '../../support/refusal.ts';

function parameters(
  region?: Parameter,
  size?: Parameter,
  offset?: Parameter,
): ReadonlyMap<string, Parameter> {
  const given: readonly (readonly [string, Parameter | undefined])[] = [
    ['shared_memory_region', region],
    ['shared_memory_byte_size', size],
    ['shared_memory_offset', offset],
  ];
  return new Map(
    given.flatMap(([name, value]): [string, Parameter][] => (value === undefined ? [] : [[name, value]])),
  );
}

test('a tensor without these parameters stands in the message', () => {
  assert.equal(readPlace('x', new Map([['classification', 3]])), undefined);
});

test('a place has an offset of 0 unless it says otherwise', () => {
  assert.deepEqual(readPlace('x', parameters('r', 8)), { region: 'r', offset: 0, sizeBytes: 8 });
  assert.deepEqual(readPlace('x', parameters('r', 8, 4)), { region: 'r', offset: 4, sizeBytes: 8 });
});

test('numbers beyond 2^53 stay as large as they are', () => {
  const size = readPlace('x', parameters('r', 2n ** 63n))?.sizeBytes;
  assert.equal(size, 2 ** 63);
});

const refused: readonly (readonly [ReadonlyMap<string, Parameter>, string])[] = [
  [
    parameters(7, 8),
    "invalid value type for 'shared_memory_region' parameter for tensor 'x', expected string_param.",
  ],
  [
    parameters('r', '8'),
    "invalid value type for 'shared_memory_byte_size' parameter for tensor 'x', expected int64_param.",
  ],
  [
    parameters('r', 8, 0.5),
    "invalid value type for 'shared_memory_offset' parameter for tensor 'x', expected int64_param.",
  ],
  [
    parameters('r'),
    "'shared_memory_byte_size' must be specified along with 'shared_memory_region' parameter for tensor 'x'",
  ],
  [
    parameters(undefined, 8),
    "'shared_memory_byte_size' can not be specified without 'shared_memory_region' parameter for tensor 'x'",
  ],
  [
    parameters(undefined, undefined, 8),
    "'shared_memory_offset' can not be specified without 'shared_memory_region' parameter for tensor 'x'",
  ],
];

for (const [given, text] of refused) {
  test(`refused: ${text}`, () => {
    const error = refusalOf(() => readPlace('x', given));
    assert.equal(error.message, text);
    assert.equal(error.code, 'invalid_argument');
  });
}

test('classes of an output have no place', () => {
  const given = new Map([...parameters('r', 8), ['classification', 3] as const]);
  assert.match(refusalOf(() => readOutputPlace('y', given)).message, /can't set both/);
});

test('an answer says the place as a request does, and leaves out an offset of 0', () => {
  const place = { region: 'r', offset: 4, sizeBytes: 8 };
  assert.deepEqual(readPlace('y', placeParameters(place)), place);
  assert.equal(placeParameters({ ...place, offset: 0 }).size, 2);
});
