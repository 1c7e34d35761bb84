import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServingError } from '../../../src/errors.ts';
import { toRunError } from '../../../src/execution/run-error.ts';

const node = "Non-zero status code returned while running X node. Name:'' Status Message: ";

for (const text of [
  'Got invalid dimensions for input: x for the following indices\n index: 1 Got: 15 Expected: 16\n Please fix either the inputs/outputs or the model.',
  'Invalid rank for input: x Got: 1 Expected: 2 Please fix either the inputs/outputs or the model.',
  'Unexpected input data type. Actual: (tensor(double)) , expected: (tensor(float))',
  `${node}indices element out of data bounds, idx=99 must be within the inclusive range [-10,9]`,
  `${node}/src/op_kernel_context.h:42 const T* onnxruntime::OpKernelContext::Input(int) const Missing Input: x`,
  `${node}The input tensor cannot be reshaped to the requested shape. Input shape:{3}, requested shape:{2,2}`,
  `${node}/src/element_wise_ops.h:560 Attempting to broadcast an axis by a dimension other than 1. 2 by 3`,
  `${node}matmul_helper.h:157 MatMul dimension mismatch`,
  `${node}Input channels C is not equal to kernel channels * group. C: 3 kernel channels: 2 group: 1`,
  `${node}Tile repeat value must be non-negative, got: -1`,
  `${node}invalid expand shape`,
  `${node}concat.cc:154 Non concat axis dimensions must match: Axis 1 has mismatched dimensions of 3 and 4`,
]) {
  test(`the input is at fault, without onnxruntime's words: ${text.slice(-60)}`, () => {
    const error = toRunError(new Error(text));
    assert.equal(error.code, 'invalid_argument');
    assert.equal(error.message, 'the model cannot compute an input of these values or shapes');
  });
}

for (const text of [
  `${node}CUDNN failure 4`,
  `${node}CUDA failure 700: an illegal memory access was encountered`,
  'bug: none',
  'Session already disposed.',
]) {
  test(`the server is at fault: ${text}`, () => {
    const cause = new Error(text);
    const error = toRunError(cause);
    assert.deepEqual([error.code, error.message, error.cause], ['internal', 'inference failed', cause]);
  });
}

for (const text of [
  `${node}bfc_arena.cc:376 Failed to allocate memory for requested buffer of size 99`,
  `${node}Tile output tensor would require more than 4294967296 bytes, which exceeds the supported maximum of 4294967296 bytes.`,
  'std::bad_alloc',
]) {
  test(`memory is short: ${text.slice(-40)}`, () => {
    const error = toRunError(new Error(text));
    assert.deepEqual(
      [error.code, error.message],
      ['resource_exhausted', 'not enough memory to compute this input'],
    );
  });
}

test('a serving error stays what it is', () => {
  const error = new ServingError('unavailable', 'gone');
  assert.equal(toRunError(error), error);
});
