import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configFromPbtxt } from '../../../src/models/config-from-pbtxt.ts';
import { paddingOf } from '../../../src/models/padding-config.ts';
import { refusalOf } from '../../support/refusal.ts';

const model = `
  max_batch_size: 8
  input { name: "ids" data_type: TYPE_INT64 dims: -1 }
  input { name: "mask" data_type: TYPE_INT64 dims: -1 }
  input { name: "kinds" data_type: TYPE_INT64 dims: -1 }
  input { name: "image" data_type: TYPE_FP32 dims: [ 3, -1, 4 ] }
  input { name: "half" data_type: TYPE_FP16 dims: -1 }
  input { name: "count" data_type: TYPE_INT32 dims: 1 }
  input { name: "text" data_type: TYPE_STRING dims: -1 }
  input { name: "flat" data_type: TYPE_FP32 dims: [ -1, 2 ] reshape { shape: [ 2, -1 ] } }
  input { name: "free" data_type: TYPE_FP32 dims: -1 allow_ragged_batch: true }
  output { name: "hidden" data_type: TYPE_FP32 dims: [ -1, 4 ] }
  output { name: "scores" data_type: TYPE_FP32 dims: [ 2, -1, -1 ] }
`;

function read(parameters: Readonly<Record<string, string>>, text = model) {
  const config = configFromPbtxt(text, 'm');
  const entries = Object.entries(parameters).map(([key, value]) => [key, { string_value: value }]);
  return paddingOf({ ...config, name: 'm', parameters: Object.fromEntries(entries) });
}

test('without such parameters nothing is padded', () => {
  assert.deepEqual(read({ row_independent: 'true' }), []);
});

test('inputs that are as long as each other make one size, with their outputs', () => {
  const zero = new Uint8Array(8);
  assert.deepEqual(
    read({
      'unpad.hidden': 'axis=1 with=ids',
      'unpad.scores': 'axis=2,3 with=ids',
      'pad.kinds': 'axis=1 with=ids',
      'pad.ids': 'axis=1 value=258 mask=mask length=count buckets=16,32 to=bucket',
    }),
    [
      {
        buckets: [16, 32],
        padTo: 'bucket',
        inputs: [
          { name: 'ids', axis: 1, fill: new Uint8Array([2, 1, 0, 0, 0, 0, 0, 0]) },
          { name: 'mask', axis: 1, fill: zero },
          { name: 'kinds', axis: 1, fill: zero },
        ],
        outputs: [
          { name: 'hidden', axes: [1] },
          { name: 'scores', axes: [2, 3] },
        ],
        maskInput: 'mask',
        lengthInput: 'count',
      },
    ],
  );
});

test('sizes that differ from each other are sizes of their own', () => {
  const sizes = read({ 'pad.ids': 'axis=1', 'pad.image': 'axis=2 value=-0.5' });
  assert.deepEqual(
    sizes.map(({ buckets, padTo, inputs }) => [buckets, padTo, inputs[0]?.name, inputs[0]?.axis]),
    [
      [undefined, 'longest', 'ids', 1],
      [undefined, 'longest', 'image', 2],
    ],
  );
  assert.deepEqual(new Float32Array(sizes[1]!.inputs[0]!.fill.buffer), new Float32Array([-0.5]));
});

test('an input of half precision can be filled with zeros', () => {
  assert.deepEqual(read({ 'pad.half': 'axis=1' })[0]!.inputs[0]!.fill, new Uint8Array(2));
});

for (const [parameters, problem] of [
  [{ 'pad.nothing': 'axis=1' }, /parameters\["pad.nothing"\]: the model has no input 'nothing'/],
  [{ 'pad.ids': '' }, /axis= must be an axis of 'ids' whose size is -1/],
  [{ 'pad.ids': 'axis=0' }, /axis= must be/],
  [{ 'pad.image': 'axis=1' }, /axis= must be/],
  [{ 'pad.ids': 'axis=1.5' }, /axis= must be/],
  [{ 'pad.ids': 'axis=1 fill=2' }, /'fill=2' is not one of axis= value= with=/],
  [{ 'pad.ids': 'axis' }, /'axis' is not one of/],
  [{ 'pad.ids': 'axis=1 axis=1' }, /axis= is given twice/],
  [{ 'pad.ids': 'axis=1 value=x' }, /value= 'x' is no INT64/],
  [{ 'pad.ids': 'axis=1 value=0.5' }, /value= '0.5' is no INT64/],
  [{ 'pad.ids': 'axis=1 value=' }, /value= '' is no INT64/],
  [{ 'pad.half': 'axis=1 value=1' }, /value= of an input of FP16 must be 0/],
  [{ 'pad.ids': 'axis=1 buckets=16,8' }, /buckets= is powers_of_two or up to 64 sizes, ascending/],
  [{ 'pad.ids': 'axis=1 buckets=0,8' }, /buckets= is/],
  [{ 'pad.ids': 'axis=1 buckets=1e99' }, /buckets= is/],
  [{ 'pad.ids': 'axis=1 to=shortest' }, /to= is 'longest' or 'bucket'/],
  [{ 'pad.ids': 'axis=1 mask=nothing' }, /no input 'nothing'/],
  [{ 'pad.ids': 'axis=1 mask=ids' }, /input 'ids' is padded as a mask already/],
  [{ 'pad.ids': 'axis=1 mask=mask', 'pad.mask': 'axis=1 with=ids' }, /input 'mask' is padded as a mask/],
  [{ 'pad.ids': 'axis=1 length=kinds' }, /length= must name an input of 32 or 64 bit integers, one a row/],
  [{ 'pad.ids': 'axis=1', 'pad.kinds': 'axis=1 with=mask' }, /with= names an input that is padded/],
  [{ 'pad.ids': 'axis=1', 'pad.kinds': 'axis=1 with=ids buckets=4' }, /buckets= stands at the input that/],
  [{ 'pad.text': 'axis=1' }, /input 'text' holds strings/],
  [{ 'pad.flat': 'axis=1' }, /input 'flat' is reshaped/],
  [{ 'pad.free': 'axis=1' }, /input 'free' is ragged/],
  [{ 'unpad.hidden': 'axis=1 with=ids' }, /with= names the input that the output is as long as/],
  [{ 'pad.ids': 'axis=1', 'unpad.hidden': 'with=ids' }, /axis= must be an axis of 'hidden'/],
  [{ 'pad.ids': 'axis=1', 'unpad.nothing': 'axis=1 with=ids' }, /no output 'nothing'/],
] as const) {
  test(`${JSON.stringify(parameters)} is refused`, () => {
    const refusal = refusalOf(() => read(parameters));
    assert.deepEqual([refusal.code, refusal.reason], ['invalid_argument', 'MODEL_CONFIG']);
    assert.match(refusal.message, problem);
  });
}

test('a model without a batch dimension is not padded', () => {
  const refusal = refusalOf(() =>
    read({ 'pad.a': 'axis=1' }, 'input { name: "a" data_type: TYPE_FP32 dims: -1 }'),
  );
  assert.match(refusal.message, /needs a model with max_batch_size above 0/);
});
