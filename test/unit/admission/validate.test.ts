import assert from 'node:assert/strict';
import { test } from 'node:test';
import { validateRequest } from '../../../src/admission/validate.ts';
import type { ModelSpec, TensorSpec } from '../../../src/inference/model-spec.ts';
import { noParameters, type InferRequest, type Parameter } from '../../../src/inference/request.ts';
import type { Tensor } from '../../../src/inference/tensor.ts';
import { buildRequest, byteElements, zeros } from '../../support/build-request.ts';
import { buildTarget, buildTensorSpec, callAt } from '../../support/build-target.ts';
import { refusalOf } from '../../support/refusal.ts';

function check(request: InferRequest, spec: Partial<ModelSpec> = {}): InferRequest {
  return validateRequest(buildTarget([], { spec }), request, callAt(0));
}

interface Case {
  readonly title: string;
  readonly spec?: Partial<ModelSpec>;
  readonly request: InferRequest;
  readonly reason: string;
  readonly text: string;
}

function of(...inputs: readonly Tensor[]): InferRequest {
  return buildRequest({ inputs });
}

function withDims(dims: readonly number[], more: Partial<TensorSpec> = {}): Partial<ModelSpec> {
  return { maxBatchSize: 0, inputs: [buildTensorSpec('x', { dims, ...more })] };
}

const two: Partial<ModelSpec> = { inputs: [buildTensorSpec('a'), buildTensorSpec('b')] };
const text: Partial<ModelSpec> = withDims([-1], { datatype: 'BYTES' });
const a = zeros('a', [1, 2]);
const b = zeros('b', [1, 2]);
const largest = Number.MAX_SAFE_INTEGER;

function bytes(data: readonly number[], shape = [1]): Tensor {
  return { name: 'x', datatype: 'BYTES', shape, data: Uint8Array.from(data) };
}

const refused: readonly Case[] = [
  {
    title: 'an input is missing',
    spec: two,
    request: of(a),
    reason: 'WRONG_INPUTS',
    text: "expected 2 inputs but got 1 inputs for model 'm'. Got input(s) ['a'], but missing required input(s) ['b']",
  },
  {
    title: 'there are no inputs at all',
    request: of(),
    reason: 'WRONG_INPUTS',
    text: "expected 1 inputs but got 0 inputs for model 'm'. Got input(s) [], but missing required input(s) ['x']",
  },
  {
    title: 'there is an input too many',
    request: of(zeros('x', [1, 2]), zeros('z', [1])),
    reason: 'WRONG_INPUTS',
    text: "expected 1 inputs but got 2 inputs for model 'm'. Got input(s) ['x','z'], but missing required input(s) []",
  },
  {
    title: 'a required input is missing beside an optional one',
    spec: { inputs: [buildTensorSpec('a'), buildTensorSpec('b', { optional: true })] },
    request: of(b),
    reason: 'WRONG_INPUTS',
    text: "expected between 1 and 2 inputs but got 1 inputs for model 'm'. Got input(s) ['b'], but missing required input(s) ['a']",
  },
  {
    title: 'an input is unknown',
    request: of(zeros('z', [1, 2])),
    reason: 'UNEXPECTED_TENSOR',
    text: "unexpected inference input 'z' for model 'm'",
  },
  {
    title: 'an input is there twice',
    spec: two,
    request: of(a, a),
    reason: 'DUPLICATE_TENSOR',
    text: "input 'a' already exists in request",
  },
  {
    title: 'an output is unknown',
    request: buildRequest({ outputs: ['y', 'q'] }),
    reason: 'UNEXPECTED_TENSOR',
    text: "unexpected inference output 'q' for model 'm'",
  },
  {
    title: 'an output is there twice',
    request: buildRequest({ outputs: ['y', 'y'] }),
    reason: 'DUPLICATE_TENSOR',
    text: "output 'y' already exists in request",
  },
  {
    title: 'the datatype is another one',
    request: of(zeros('x', [1, 2], 'INT32')),
    reason: 'INVALID_DATATYPE',
    text: "inference input 'x' data-type is 'INT32', but model 'm' expects 'FP32'",
  },
  {
    title: 'a dimension has another size',
    request: of(zeros('x', [1, 3])),
    reason: 'INVALID_SHAPE',
    text: "unexpected shape for input 'x' for model 'm'. Expected [-1,2], got [1,3].",
  },
  {
    title: 'the rank is another one',
    spec: withDims([2, 3]),
    request: of(zeros('x', [2])),
    reason: 'INVALID_SHAPE',
    text: "unexpected shape for input 'x' for model 'm'. Expected [2,3], got [2].",
  },
  {
    title: 'a scalar is sent to a model that batches',
    request: of(zeros('x', [])),
    reason: 'INVALID_SHAPE',
    text: "input 'x' has no shape but model requires batch dimension for 'm'",
  },
  {
    title: 'a dimension is negative',
    spec: withDims([-1]),
    request: of({ name: 'x', datatype: 'FP32', shape: [-1], data: new Uint8Array(4) }),
    reason: 'INVALID_SHAPE',
    text: "unexpected shape for input 'x' for model 'm'. Expected [-1], got [-1].",
  },
  {
    title: 'the batch dimension is negative',
    request: of({ name: 'x', datatype: 'FP32', shape: [-1, 2], data: new Uint8Array(4) }),
    reason: 'INVALID_SHAPE',
    text: "unexpected shape for input 'x' for model 'm'. Expected [-1,2], got [-1,2].",
  },
  {
    title: 'a dimension is no whole number',
    spec: withDims([-1]),
    request: of({ name: 'x', datatype: 'FP32', shape: [1.5], data: new Uint8Array(6) }),
    reason: 'INVALID_SHAPE',
    text: "unexpected shape for input 'x' for model 'm'. Expected [-1], got [1.5].",
  },
  {
    title: 'there are more rows than the model takes',
    request: of(zeros('x', [9, 2])),
    reason: 'BATCH_TOO_LARGE',
    text: "inference request batch-size must be <= 8 for 'm'",
  },
  {
    title: 'there are no rows',
    request: of(zeros('x', [0, 2])),
    reason: 'BATCH_EMPTY',
    text: "inference request batch-size must be >= 1 for 'm'",
  },
  {
    title: 'two inputs differ in their rows',
    spec: two,
    request: of(a, zeros('b', [2, 2])),
    reason: 'BATCH_MISMATCH',
    text: "input 'b' batch size does not match other inputs for 'm'",
  },
  {
    title: 'there are fewer bytes than the shape says',
    request: of({ ...zeros('x', [1, 2]), data: new Uint8Array(7) }),
    reason: 'WRONG_SIZE',
    text: "input byte size mismatch for input 'x' for model 'm'. Expected 8, got 7",
  },
  {
    title: 'there are more bytes than the shape says',
    request: of({ ...zeros('x', [1, 2]), data: new Uint8Array(9) }),
    reason: 'WRONG_SIZE',
    text: "input byte size mismatch for input 'x' for model 'm'. Expected 8, got 9",
  },
  {
    title: 'the elements are more than can be counted',
    spec: withDims([-1, -1]),
    request: of({ name: 'x', datatype: 'FP32', shape: [2 ** 32, 2 ** 32], data: new Uint8Array(0) }),
    reason: 'SIZE_OVERFLOW',
    text: "shape [4294967296,4294967296] of input 'x' for model 'm' causes total element count to exceed maximum size of 9007199254740991",
  },
  {
    title: 'a product of dimensions would wrap to the right number of bytes in 64 bits',
    spec: withDims([-1, -1]),
    request: of({ name: 'x', datatype: 'FP32', shape: [4, 2 ** 52], data: new Uint8Array(0) }),
    reason: 'SIZE_OVERFLOW',
    text: "shape [4,4503599627370496] of input 'x' for model 'm' causes total element count to exceed maximum size of 9007199254740991",
  },
  {
    title: 'the elements can be counted but their bytes cannot',
    spec: withDims([-1]),
    request: of({ name: 'x', datatype: 'FP32', shape: [largest], data: new Uint8Array(0) }),
    reason: 'SIZE_OVERFLOW',
    text: "byte size overflow for input 'x' for model 'm'",
  },
  {
    title: 'a tensor without elements claims dimensions that no message could fill',
    spec: withDims([-1, -1]),
    request: of(zeros('x', [0, 2 ** 24 + 1])),
    reason: 'SIZE_OVERFLOW',
    text: "shape [0,16777217] of input 'x' for model 'm' causes total element count to exceed maximum size of 16777216",
  },
  {
    title: 'a BOOL is neither 0 nor 1',
    spec: withDims([-1], { datatype: 'BOOL' }),
    request: of({ name: 'x', datatype: 'BOOL', shape: [3], data: Uint8Array.of(0, 1, 2) }),
    reason: 'INVALID_ELEMENT',
    text: "input 'x' for model 'm' has a BOOL element that is neither 0 nor 1",
  },
  {
    title: 'a BYTES length is cut off',
    spec: text,
    request: of(bytes([1, 0, 0])),
    reason: 'INVALID_ELEMENT',
    text: "incomplete string length indicator for inference input 'x' for model 'm', expecting 4 bytes but only 3 bytes available",
  },
  {
    title: 'a BYTES element is longer than what is left',
    spec: text,
    request: of(bytes([5, 0, 0, 0, 65])),
    reason: 'INVALID_ELEMENT',
    text: "incomplete string data for inference input 'x' for model 'm', expecting string of length 5 but only 1 bytes available",
  },
  {
    title: 'a BYTES length would be negative as a signed number',
    spec: text,
    request: of(bytes([255, 255, 255, 255, 65])),
    reason: 'INVALID_ELEMENT',
    text: "incomplete string data for inference input 'x' for model 'm', expecting string of length 4294967295 but only 1 bytes available",
  },
  {
    title: 'there are more BYTES elements than the shape says',
    spec: text,
    request: of({ ...byteElements('x', ['a', 'b']), shape: [1] }),
    reason: 'WRONG_SIZE',
    text: "unexpected number of string elements 2 for inference input 'x' for model 'm', expecting 1",
  },
  {
    title: 'there are fewer BYTES elements than the shape says',
    spec: text,
    request: of({ ...byteElements('x', ['a', 'b']), shape: [3] }),
    reason: 'WRONG_SIZE',
    text: "expected 3 string elements for inference input 'x' for model 'm', got 2",
  },
  {
    title: 'a parameter has a reserved name',
    request: buildRequest({ parameters: { triton_secret: true } }),
    reason: 'RESERVED_PARAMETER',
    text: "parameter keys starting with 'triton_' are reserved, got 'triton_secret'",
  },
  {
    title: 'classes are asked of an output that has no order',
    spec: { outputs: [buildTensorSpec('y', { datatype: 'FP16' })] },
    request: buildRequest({ outputs: [{ name: 'y', parameters: new Map([['classification', 2]]) }] }),
    reason: 'CLASSIFICATION_UNSUPPORTED',
    text: "class result not available for output 'y' due to unsupported type 'FP16'",
  },
  {
    title: 'no classes are asked for',
    request: buildRequest({ outputs: [{ name: 'y', parameters: new Map([['classification', 0]]) }] }),
    reason: 'INVALID_PARAMETER',
    text: "invalid value for parameter 'classification' of output 'y', expected an int64_param > 0",
  },
];

for (const { title, spec, request, reason, text: message } of refused) {
  test(`refused: ${title}`, () => {
    const error = refusalOf(() => check(request, spec));
    assert.deepEqual(
      { code: error.code, reason: error.reason, message: error.message },
      { code: 'invalid_argument', reason, message },
    );
  });
}

const wrongParameters: readonly (readonly [string, Parameter])[] = [
  ['sequence_id', -1],
  ['sequence_id', 1.5],
  ['sequence_id', true],
  ['sequence_id', 'x'.repeat(129)],
  ['sequence_start', 1],
  ['sequence_end', 'true'],
  ['priority', -1],
  ['priority', -(2n ** 60n)],
  ['priority', 'high'],
  ['timeout', -5],
  ['timeout', 0.5],
  ['triton_enable_empty_final_response', 1],
];

for (const [name, value] of wrongParameters) {
  test(`refused: parameter ${name} is ${String(value).slice(0, 20)}`, () => {
    const error = refusalOf(() => check(buildRequest({ parameters: { [name]: value } })));
    assert.equal(error.reason, 'INVALID_PARAMETER');
    assert.ok(error.message.startsWith(`invalid value for parameter '${name}', expected `));
  });
}

test('parameters of the protocol pass with the types it gives them, and others as they like', () => {
  const parameters = {
    sequence_id: 2n ** 63n,
    sequence_start: true,
    sequence_end: false,
    priority: 3,
    timeout: 1_000_000,
    triton_enable_empty_final_response: true,
    temperature: 0.5,
    note: 'free',
  };
  const request = buildRequest({ parameters, outputs: ['y'] });
  assert.equal(check(request), request);
  assert.doesNotThrow(() => check(buildRequest({ parameters: { sequence_id: 'a-b' } })));
});

test('more than 256 parameters are refused', () => {
  const parameters = Object.fromEntries(Array.from({ length: 257 }, (_, i) => [`p${i}`, i]));
  assert.equal(refusalOf(() => check(buildRequest({ parameters }))).reason, 'TOO_MANY_PARAMETERS');
});

test('thousands of inputs or outputs are refused without comparing them', () => {
  const inputs = Array.from({ length: 5000 }, () => zeros('x', [1, 2]));
  assert.equal(refusalOf(() => check(buildRequest({ inputs }))).reason, 'TOO_MANY_TENSORS');
  const outputs = Array.from({ length: 5000 }, () => 'y');
  assert.equal(refusalOf(() => check(buildRequest({ outputs }))).reason, 'TOO_MANY_TENSORS');
});

test('a thousand different outputs, one of them twice, are told from a thousand different ones', () => {
  const names = Array.from({ length: 1000 }, (_, i) => `y${i}`);
  const outputs = names.map((name) => buildTensorSpec(name));
  assert.doesNotThrow(() => check(buildRequest({ outputs: names }), { outputs }));
  const error = refusalOf(() => check(buildRequest({ outputs: [...names, 'y500'] }), { outputs }));
  assert.equal(error.message, "output 'y500' already exists in request");
});

test('a request that is complete comes back as it is', () => {
  const request = buildRequest({ outputs: ['y'] });
  assert.equal(check(request), request);
});

test('a request that names no outputs gets all of the model, in its order', () => {
  const spec = { outputs: ['y', 'z'].map((name) => buildTensorSpec(name)) };
  const request = buildRequest({ id: 'i', parameters: { priority: 1 } });
  const checked = check(request, spec);
  assert.deepEqual(checked, {
    ...request,
    outputs: [
      { name: 'y', parameters: noParameters },
      { name: 'z', parameters: noParameters },
    ],
  });
});

test('inputs come back in the order of the model, without optional ones that were left out', () => {
  const inputs = ['a', 'b', 'c'].map((name) => buildTensorSpec(name, { optional: name === 'b' }));
  const c = zeros('c', [1, 2]);
  const checked = check(buildRequest({ inputs: [c, a], outputs: ['y'] }), { inputs });
  assert.deepEqual(
    checked.inputs.map(({ name }) => name),
    ['a', 'c'],
  );
  assert.equal(checked.inputs[1], c);
});

test('the inputs of an optional one that is given are checked against their own specification', () => {
  const inputs = [buildTensorSpec('a', { optional: true }), buildTensorSpec('b', { dims: [3] })];
  const error = refusalOf(() => check(of(zeros('b', [1, 2])), { inputs }));
  assert.equal(error.message, "unexpected shape for input 'b' for model 'm'. Expected [-1,3], got [1,2].");
});

const accepted: readonly (readonly [string, Partial<ModelSpec>, Tensor])[] = [
  ['a scalar', withDims([]), zeros('x', [])],
  ['variable dimensions', withDims([-1, 4, -1]), zeros('x', [5, 4, 6])],
  ['a tensor without elements', withDims([-1, 3]), zeros('x', [0, 3])],
  ['BYTES without elements', text, byteElements('x', [])],
  ['BYTES with empty and non-ASCII elements', text, byteElements('x', ['', 'grüße', 'x'.repeat(300)])],
  ['as many rows as the model takes', {}, zeros('x', [8, 2])],
  [
    'a reshaped input in the shape of its dims',
    { inputs: [buildTensorSpec('x', { dims: [2], reshape: [1, 2] })] },
    zeros('x', [3, 2]),
  ],
  ['a scalar per row', { inputs: [buildTensorSpec('x', { dims: [] })] }, zeros('x', [4])],
  [
    'a ragged input',
    { inputs: [buildTensorSpec('x', { dims: [-1], allowRagged: true })] },
    zeros('x', [1, 7]),
  ],
];

for (const [title, spec, input] of accepted) {
  test(`accepted: ${title}`, () => {
    const request = buildRequest({ inputs: [input], outputs: ['y'] });
    assert.equal(check(request, spec), request);
  });
}

test('more rows than a batch pass where the operator says that rows are independent', () => {
  const target = buildTarget([], { scheduling: { rowIndependent: true } });
  const request = buildRequest({ inputs: [zeros('x', [100, 2])], outputs: ['y'] });
  assert.equal(validateRequest(target, request, callAt(0)), request);
});

test('a decoupled model is refused to callers that take one answer, and served to streams', () => {
  const target = buildTarget([], { spec: { decoupled: true } });
  const error = refusalOf(() => validateRequest(target, buildRequest(), callAt(0)));
  assert.equal(error.code, 'unimplemented');
  assert.match(error.message, /doesn't support models with decoupled transaction policy/);
  const stream = callAt(0);
  stream.streaming = true;
  assert.doesNotThrow(() => validateRequest(target, buildRequest(), stream));
});

test('names that look like properties of every object are only names', () => {
  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
    assert.equal(refusalOf(() => check(of(zeros(name, [1, 2])))).reason, 'UNEXPECTED_TENSOR');
    assert.equal(refusalOf(() => check(buildRequest({ outputs: [name] }))).reason, 'UNEXPECTED_TENSOR');
    assert.doesNotThrow(() => check(buildRequest({ parameters: { [name]: 1 } })));
  }
});

test('whatever names a request carries, the text of the refusal is printable and at most 1,024 characters', () => {
  const hostile = ['\u0000\u001b[31m\r\n', '\ud800', '\u202e', '💥'.repeat(20_000), 'x'.repeat(100_000)];
  const inputs = Array.from({ length: 40 }, (_, i) => zeros(`${i}${hostile[i % hostile.length]}`, [1, 2]));
  const spec = { inputs: inputs.map(({ name }) => buildTensorSpec(`required ${name}`)) };
  const messages = [
    ...hostile.map((name) => refusalOf(() => check(of(zeros(name, [1, 2]))))),
    ...hostile.map((name) => refusalOf(() => check(buildRequest({ outputs: [name] })))),
    ...hostile.map((name) => refusalOf(() => check(of(zeros(name, [1, 2]), zeros(name, [1, 2]))))),
    ...hostile.map((name) => refusalOf(() => check(buildRequest({ parameters: { [`triton_${name}`]: 1 } })))),
    refusalOf(() => check(of(...inputs.slice(1)), spec)),
    refusalOf(() =>
      check(
        of(
          zeros(
            'x',
            Array.from({ length: 64 }, () => 1),
          ),
        ),
      ),
    ),
  ].map(({ message }) => message);
  for (const message of messages) {
    assert.ok(message.length <= 1024, `${message.length} characters`);
    assert.doesNotMatch(message, /[\p{C}\p{Zl}\p{Zp}]/u);
  }
});
