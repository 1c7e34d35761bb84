import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { ServingError } from '../../../../src/errors.ts';
import { WireReader } from '../../../../src/transport/grpc/wire-reader.ts';
import {
  encodeBytesField,
  encodeDoubleField,
  encodeStringField,
  encodeVarintField,
} from '../../../../src/transport/grpc/wire-writer.ts';

const isMalformed = (error: unknown): boolean =>
  error instanceof ServingError && error.code === 'invalid_argument' && error.reason === 'MALFORMED_MESSAGE';

function reader(...bytes: number[]): WireReader {
  return new WireReader(Buffer.from(bytes));
}

describe('WireReader', () => {
  it('reads back every 64-bit integer that the writer writes, as a number where that is exact', () => {
    fc.assert(
      fc.property(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), (value) => {
        const read = new WireReader(encodeVarintField(1, value), 1).int64();
        assert.equal(BigInt(read), value);
        assert.equal(typeof read, Number.isSafeInteger(Number(value)) ? 'number' : 'bigint');
      }),
    );
    fc.assert(
      fc.property(fc.bigInt(0n, 2n ** 64n - 1n), (value) => {
        assert.equal(BigInt(new WireReader(encodeVarintField(1, value), 1).uint64()), value);
      }),
    );
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        assert.equal(new WireReader(encodeVarintField(1, value), 1).int64(), value);
      }),
    );
  });

  it('reads strings and doubles back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const read = new WireReader(encodeStringField(1, text), 1).string();
        assert.equal(read, text);
      }),
    );
    fc.assert(
      fc.property(fc.double(), (value) => {
        assert.ok(Object.is(new WireReader(encodeDoubleField(1, value), 1).double(), value));
      }),
    );
  });

  it('refuses varints of more than ten bytes or without an end', () => {
    assert.throws(() => reader(...Array.from({ length: 10 }, () => 0xff), 1).int64(), isMalformed);
    assert.throws(() => reader(0x80).int64(), isMalformed);
    assert.throws(() => reader().int64(), isMalformed);
    assert.equal(reader(0x80, 0x80, 0x00).int64(), 0);
  });

  it('refuses tags of field 0, of unknown wire types, and above 32 bits', () => {
    for (const bytes of [[0x02], [0x0e], [0x0f], [0xfa, 0xff, 0xff, 0xff, 0x1f]]) {
      assert.throws(() => reader(...bytes).tag(), isMalformed);
    }
    assert.equal(reader(0xfa, 0xff, 0xff, 0xff, 0x0f).tag(), 0xffff_fffa);
  });

  it('refuses lengths beyond the enclosing message', () => {
    assert.throws(() => reader(3, 1, 2).view(), isMalformed);
    const outer = reader(2, 5, 0, 0, 0, 0, 0);
    outer.enter();
    assert.throws(() => outer.view(), isMalformed);
  });

  it('refuses strings that are not UTF-8', () => {
    for (const bytes of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xe2, 0x82]]) {
      assert.throws(() => reader(bytes.length, ...bytes).string(), isMalformed);
    }
  });

  it('passes over unknown fields of every kind, groups within groups too', () => {
    const unknown = Buffer.concat([
      encodeVarintField(100, 2n ** 64n - 1n),
      encodeDoubleField(101, 1),
      encodeBytesField(102, Buffer.alloc(300)),
      Buffer.from([0xbd, 0x06, 1, 2, 3, 4]),
      Buffer.from([0x0b, 0x13, 0x08, 0x01, 0x14, 0x0c]),
      Buffer.from([0x08, 0x07]),
    ]);
    const walk = new WireReader(unknown);
    for (let field = 0; field < 5; field++) walk.skip(walk.tag());
    assert.equal(walk.tag(), 8);
    assert.equal(walk.int64(), 7);
    assert.equal(walk.position, walk.end);
  });

  it('refuses groups that end wrongly, not at all, or nest without measure', () => {
    assert.throws(() => reader(0x14).skip(0x0b), isMalformed);
    assert.throws(() => reader(0x08, 0x01).skip(0x0b), isMalformed);
    assert.throws(() => reader().skip(0x0c), isMalformed);
    assert.throws(() => reader(...Array.from({ length: 100_000 }, () => 0x0b)).skip(0x0b), isMalformed);
  });
});
