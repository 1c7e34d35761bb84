import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { JsonReader } from '../../../../../../src/transport/http/json-reader.ts';
import { scanShape } from '../../../../../../src/transport/http/dialects/nested/scan-shape.ts';
import { refusalOf } from '../../../../../support/refusal.ts';

function shapeOf(text: string): readonly number[] {
  const reader = new JsonReader(Buffer.from(text));
  const shape = scanShape(reader, 'x');
  assert.equal(reader.position, text.search(/\S/));
  return shape;
}

describe('scanShape', () => {
  const shapes: readonly (readonly [text: string, shape: readonly number[]])[] = [
    ['1', []],
    ['"a]b"', []],
    ['{"b64":"AA=="}', []],
    ['[]', [0]],
    [' [ 1 , 2 ,3 ] ', [3]],
    ['[[1,2,3],[4,5,6]]', [2, 3]],
    ['[[[NaN]],[[-Infinity]]]', [2, 1, 1]],
    ['[[],[]]', [2, 0]],
    ['[[[],[]]]', [1, 2, 0]],
    ['["[","]\\"",","]', [3]],
    ['[{"b64":"]"},{"b64":""}]', [2]],
    ['[true,false,null]', [3]],
    ['[1]garbage', [1]],
  ];
  for (const [text, shape] of shapes) {
    it(`of ${text} is [${shape.join(', ')}]`, () => assert.deepEqual(shapeOf(text), shape));
  }

  const refused: readonly (readonly [title: string, text: string, reason: string])[] = [
    ['lists of different sizes', '[[1,2],[3]]', 'INVALID_SHAPE'],
    ['a list after a value', '[1,[2]]', 'INVALID_SHAPE'],
    ['a value after a list', '[[1],2]', 'INVALID_SHAPE'],
    ['a value after an empty list', '[[],1]', 'INVALID_SHAPE'],
    ['an empty list after a value', '[1,[]]', 'INVALID_SHAPE'],
    ['an empty list beside others', '[[],[1]]', 'INVALID_SHAPE'],
    ['a list in a list that has been empty', '[[],[[]]]', 'INVALID_SHAPE'],
    ['an empty list after a deeper one', '[[[1]],[]]', 'INVALID_SHAPE'],
    ['more than 64 levels', '['.repeat(65), 'INVALID_SHAPE'],
    ['a list without an end', '[1,2', 'MALFORMED_MESSAGE'],
    ['a string without an end', '["a', 'MALFORMED_MESSAGE'],
    ['a bracket that closes nothing', ']', 'MALFORMED_MESSAGE'],
    ['nothing', '', 'MALFORMED_MESSAGE'],
  ];
  for (const [title, text, reason] of refused) {
    it(`refuses ${title}`, () => {
      assert.equal(refusalOf(() => scanShape(new JsonReader(Buffer.from(text)), 'x')).reason, reason);
    });
  }
});
