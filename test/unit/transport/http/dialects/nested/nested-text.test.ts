import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import type { Datatype } from '../../../../../../src/inference/datatype.ts';
import { elementCount, type Tensor } from '../../../../../../src/inference/tensor.ts';
import { nestedText, rowTexts } from '../../../../../../src/transport/http/dialects/nested/nested-text.ts';
import { byteElements } from '../../../../../support/build-request.ts';
import { refusalOf } from '../../../../../support/refusal.ts';

function floats(shape: readonly number[], values: readonly number[]): Tensor {
  const data = new Uint8Array(new Float32Array(values).buffer);
  return { name: 'y', datatype: 'FP32', shape, data };
}

function counting(shape: readonly number[]): Tensor {
  return floats(
    shape,
    Array.from({ length: elementCount(shape) }, (_, index) => index),
  );
}

function nestSlowly(values: readonly unknown[], shape: readonly number[]): unknown {
  const [size, ...rest] = shape;
  if (size === undefined) return values[0];
  const step = elementCount(rest);
  return Array.from({ length: size }, (_, index) =>
    nestSlowly(values.slice(index * step, (index + 1) * step), rest),
  );
}

const shapes = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 });

describe('nestedText', () => {
  it('nests elements as their shape says', () => {
    fc.assert(
      fc.property(shapes, (shape) => {
        const values = Array.from({ length: elementCount(shape) }, (_, index) => index);
        assert.deepEqual(JSON.parse(nestedText(counting(shape)).toString()), nestSlowly(values, shape));
      }),
    );
  });

  it('nests text with brackets, commas and quotes in it', () => {
    const texts = ['a],[b', '"', ',', 'é', '\u001f', ''];
    const tensor = { ...byteElements('y', texts), shape: [3, 2] };
    assert.deepEqual(JSON.parse(nestedText(tensor).toString()), nestSlowly(texts, [3, 2]));
  });

  it('writes what is no UTF-8 in base64, and all elements of an output whose name ends in _bytes', () => {
    const data = Buffer.from([1, 0, 0, 0, 0x41, 2, 0, 0, 0, 0xff, 0xfe]);
    const tensor: Tensor = { name: 'y', datatype: 'BYTES', shape: [2], data };
    assert.equal(nestedText(tensor).toString(), '["A",{"b64":"//4="}]');
    assert.equal(nestedText({ ...tensor, name: 'y_bytes' }).toString(), '[{"b64":"QQ=="},{"b64":"//4="}]');
  });

  it('writes bare words for what JSON has no numbers for', () => {
    assert.equal(nestedText(floats([3], [NaN, Infinity, -Infinity])).toString(), '[NaN,Infinity,-Infinity]');
  });

  const halves: readonly (readonly [Datatype, readonly number[]])[] = [
    ['FP16', [0x00, 0x3c, 0x00, 0xc1, 0x00, 0x7c]],
    ['BF16', [0x80, 0x3f, 0x20, 0xc0, 0x80, 0x7f]],
  ];
  for (const [datatype, bytes] of halves) {
    it(`writes ${datatype} as the numbers they are, wherever they begin`, () => {
      const data = Uint8Array.of(9, ...bytes).subarray(1);
      const text = nestedText({ name: 'y', datatype, shape: [3], data }).toString();
      assert.equal(text, '[1,-2.5,Infinity]');
    });
  }

  it('refuses a shape of very many empty lists', () => {
    const tensor = { ...counting([0]), shape: [1 << 20, 0] };
    assert.equal(refusalOf(() => nestedText(tensor)).reason, 'INVALID_CONTENTS');
  });
});

describe('rowTexts', () => {
  it('are the elements of the outermost list', () => {
    const withRows = shapes.filter((shape) => shape.length > 0);
    fc.assert(
      fc.property(withRows, (shape) => {
        const tensor = counting(shape);
        const texts = rowTexts(tensor).map((text) => text.toString());
        assert.equal(`[${texts.join(',')}]`, nestedText(tensor).toString());
        assert.equal(texts.length, shape[0]);
        for (const text of texts) assert.doesNotThrow(() => JSON.parse(text));
      }),
    );
  });

  it('are whole for text with commas in it', () => {
    const texts = rowTexts(byteElements('y', ['a,b', 'c]'])).map((text) => text.toString());
    assert.deepEqual(texts, ['"a,b"', '"c]"']);
  });
});
