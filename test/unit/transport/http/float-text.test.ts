import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { maxFloatCharacters, writeFloat } from '../../../../src/transport/http/float-text.ts';
import { scanDecimal, scanned } from '../../../../src/transport/http/json-number.ts';

function written(value: number): string {
  const target = Buffer.alloc(maxFloatCharacters + 8);
  const end = writeFloat(target, 0, value);
  return target.toString('latin1', 0, end);
}

describe('writeFloat', () => {
  it('writes a decimal that reads as the same float, in the room it asks for', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const text = written(value);
        assert.ok(Object.is(Math.fround(Number(text)), value), text);
        assert.ok(text.length < maxFloatCharacters, text);
        assert.doesNotThrow(() => JSON.parse(text), text);
      }),
      { numRuns: 2000 },
    );
  });

  for (const [value, text] of [
    [0, '0'],
    [-0, '-0.0'],
    [1, '1'],
    [-2.5, '-2.5'],
    [0.1, '0.1'],
    [1234567, '1234567'],
    [1e20, '1e+20'],
    [0.00001234567, '1.234567e-5'],
    [NaN, 'NaN'],
    [-Infinity, '-Infinity'],
  ] as const) {
    it(`writes ${text}`, () => assert.equal(written(Math.fround(value)), text));
  }
});

describe('scanDecimal', () => {
  it('reads the nearest double, as Number does', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const text = JSON.stringify(value);
        assert.equal(scanDecimal(Buffer.from(text), 0, 'double'), Number(text));
        assert.equal(scanned.end, text.length);
      }),
      { numRuns: 2000 },
    );
  });

  it('reads a double that rounds to the nearest float', () => {
    const digits = fc.tuple(fc.bigInt({ min: 0n, max: 10n ** 20n }), fc.integer({ min: -50, max: 40 }));
    fc.assert(
      fc.property(digits, ([mantissa, exponent]) => {
        const text = `${mantissa}e${exponent}`;
        assert.equal(
          Math.fround(scanDecimal(Buffer.from(text), 0, 'single')),
          Math.fround(Number(text)),
          text,
        );
      }),
      { numRuns: 2000 },
    );
  });

  for (const text of ['', '-', '.5', '01', '1.', '1e', '1e+', 'x']) {
    it(`finds no number in '${text}'`, () => {
      assert.ok(Number.isNaN(scanDecimal(Buffer.from(text), 0, 'double')));
      assert.equal(scanned.end, 0);
    });
  }
});
