import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkDeclaration, checkMessage } from '../../../src/processing/check-messages.ts';

const tensor = { name: 'x', datatype: 'FP32', shape: [1], data: new Uint8Array(4) };

function done(overrides: object): object {
  return { kind: 'done', tensors: [{ ...tensor, ...overrides }], state: undefined, heldBytes: 1 };
}

const strange: readonly (readonly [title: string, message: unknown])[] = [
  ['nothing', undefined],
  ['a text', 'done'],
  ['another kind', { kind: 'reload' }],
  ['no tensors', { kind: 'done' }],
  ['a state that is no bytes', { kind: 'done', tensors: [], state: {} }],
  ['a tensor without a name', done({ name: 1 })],
  ['an unknown datatype', done({ datatype: 'FP8' })],
  ['a shape with a fraction', done({ shape: [0.5] })],
  ['fewer bytes than the shape says', done({ shape: [2] })],
  ['more dimensions than arrays have', done({ shape: Array.from({ length: 65 }, () => 1) })],
  ['BYTES that end early', done({ datatype: 'BYTES', data: Uint8Array.of(9, 0, 0, 0) })],
  [
    'BYTES that are fewer than the shape says',
    done({ datatype: 'BYTES', shape: [2], data: new Uint8Array(4) }),
  ],
];

for (const [title, message] of strange) {
  test(`a message with ${title} is none`, () => {
    assert.throws(() => checkMessage(message));
  });
}

test('tensors as they should be pass', () => {
  assert.equal(checkMessage(done({})).kind, 'done');
  assert.equal(checkMessage(done({ datatype: 'BYTES', shape: [1], data: new Uint8Array(4) })).kind, 'done');
});

const declared = { name: 'x', datatype: 'FP32', dims: [-1] };
const both = ['preprocess', 'postprocess'];

const wrong: readonly (readonly [
  title: string,
  declaration: object,
  hooks: readonly string[],
  text: RegExp,
])[] = [
  ['no hook', {}, [], /neither/],
  ['inputs without preprocess', { inputs: [declared] }, ['postprocess'], /no preprocess/],
  ['outputs without postprocess', { outputs: [declared] }, ['preprocess'], /no postprocess/],
  ['an empty list', { inputs: [] }, both, /1 to 1024/],
  ['a name twice', { inputs: [declared, declared] }, both, /twice/],
  ['an unknown datatype', { inputs: [{ ...declared, datatype: 'TEXT' }] }, both, /inputs\[0\]\.datatype/],
  ['a dimension below -1', { outputs: [{ ...declared, dims: [-2] }] }, both, /outputs\[0\]\.dims/],
  ['labels of an input', { inputs: [{ ...declared, labels: ['a'] }] }, both, /only outputs/],
];

for (const [title, declaration, hooks, text] of wrong) {
  test(`a module is refused that has ${title}`, () => {
    assert.throws(() => checkDeclaration(declaration, hooks), text);
  });
}

test('a module may have one hook, and keep the inputs and outputs of its model', () => {
  assert.deepEqual(checkDeclaration({}, ['postprocess']), {
    inputs: undefined,
    outputs: undefined,
    preprocess: false,
    postprocess: true,
  });
});
