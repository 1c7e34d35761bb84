import assert from 'node:assert/strict';
import { test } from 'node:test';
import { datatypeSizeBytes, type Datatype } from '../../../../src/inference/datatype.ts';
import { readElements } from '../../../../src/transport/http/json-elements.ts';
import { JsonReader } from '../../../../src/transport/http/json-reader.ts';

function read(datatype: Datatype, text: string, count: number): Buffer {
  const reader = new JsonReader(Buffer.from(text));
  const data = readElements(reader, { name: 'x', datatype, count, maxBytes: 1 << 20 });
  assert.equal(reader.position, text.length);
  return data;
}

/** Of integers. */
const bits = {
  INT8: [8, true],
  INT16: [16, true],
  INT32: [32, true],
  INT64: [64, true],
  UINT8: [8, false],
  UINT16: [16, false],
  UINT32: [32, false],
  UINT64: [64, false],
} as const satisfies Partial<Record<Datatype, readonly [number, boolean]>>;

function elements(datatype: keyof typeof bits, data: Buffer): readonly bigint[] {
  const size = datatypeSizeBytes[datatype];
  const [width, signed] = bits[datatype];
  return Array.from({ length: data.length / size }, (_, at) => {
    const bytes = data.subarray(at * size, (at + 1) * size).toReversed();
    const value = BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
    return signed ? BigInt.asIntN(width, value) : value;
  });
}

for (const [name, [width, signed]] of Object.entries(bits)) {
  const datatype = name as keyof typeof bits;
  const largest = 2n ** BigInt(signed ? width - 1 : width) - 1n;
  const least = signed ? -largest - 1n : 0n;
  const around = [
    0n,
    1n,
    9n,
    10n,
    99n,
    100n,
    999_999_999n,
    1_000_000_000n,
    2n ** 31n,
    2n ** 32n,
    2n ** 53n,
    largest,
  ];
  const values = [...around, ...around.map((value) => -value), least].filter(
    (value) => value >= least && value <= largest,
  );

  for (const separator of [',', ', ', ' ,\n ']) {
    test(`${datatype} from its least to its largest, between ${JSON.stringify(separator)}`, () => {
      const data = read(datatype, `[${values.join(separator)}]`, values.length);
      assert.deepEqual(elements(datatype, data), values);
    });
  }

  test(`${datatype} over more than one run, nested`, () => {
    const rows = Array.from({ length: 100 }, (_, row) => [row % 100, 7, 100 - row]);
    const data = read(datatype, JSON.stringify(rows), 300);
    assert.deepEqual(elements(datatype, data), rows.flat().map(BigInt));
  });

  for (const wrong of [
    `${largest + 1n}`,
    `${least - 1n}`,
    '1.0',
    '1e1',
    '01',
    '-',
    '+1',
    '1 2',
    '"1"',
    'true',
    '',
  ]) {
    test(`${datatype} refuses ${JSON.stringify(wrong)} behind others`, () => {
      assert.throws(() => read(datatype, `[1, 2, ${wrong}]`, 3), { code: 'invalid_argument' });
    });
  }

  test(`${datatype} takes no more than the shape says, and no fewer`, () => {
    assert.throws(() => read(datatype, '[1,2,3]', 2), { code: 'invalid_argument' });
    assert.throws(() => read(datatype, '[1,2,3]', 4), { code: 'invalid_argument' });
  });
}

test('BOOL is true, false, 1 or 0', () => {
  assert.deepEqual([...read('BOOL', '[true, false,1,0,true]', 5)], [1, 0, 1, 0, 1]);
});

for (const wrong of ['tru', 'truex', 'fals', 'TRUE', '2', 'null', '"true"']) {
  test(`BOOL refuses ${wrong}`, () => {
    assert.throws(() => read('BOOL', `[true,${wrong}]`, 2), { code: 'invalid_argument' });
  });
}
