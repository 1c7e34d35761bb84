import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toLoadError } from '../../../src/execution/load-error.ts';

for (const [text, message, reason] of [
  [
    "Load model from /srv/m/1/model.onnx failed:Load model /srv/m/1/model.onnx failed. File doesn't exist",
    'the model file does not exist',
    'MODEL_LOAD_FAILED',
  ],
  [
    'Load model from /srv/m.onnx failed:Protobuf parsing failed.',
    'the file is not an ONNX model, or is damaged',
    'MODEL_LOAD_FAILED',
  ],
  [
    'Unsupported model IR version: 99, max supported IR version: 13',
    'the model has IR version 99, onnxruntime knows versions up to 13',
    'MODEL_LOAD_FAILED',
  ],
  [
    'Load model from /srv/m.onnx failed:Fatal error: com.acme:Frobnicate(-1) is not a registered function/op',
    'the model uses operator com.acme:Frobnicate, which this onnxruntime lacks',
    'MODEL_LOAD_FAILED',
  ],
  [
    'This is an invalid model. In Node, ("", NoSuch, "", -1) : , Error No Op registered for NoSuch with domain_version of 17',
    'the model uses operator NoSuch, which this onnxruntime lacks',
    'MODEL_LOAD_FAILED',
  ],
  [
    'Exception during loading: MLDataType for: tensor(complex64) is not currently registered or supported',
    'a tensor of the model is of type complex64, which onnxruntime does not support',
    'MODEL_LOAD_FAILED',
  ],
  [
    "Could not find an implementation for Foo(13) node with name 'n'",
    'operator Foo (version 13) has no implementation for these types on this provider',
    'MODEL_LOAD_FAILED',
  ],
  [
    'OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library',
    'the provider’s libraries could not be loaded',
    'PROVIDER_UNAVAILABLE',
  ],
  [
    'CUDA failure 100: no CUDA-capable device is detected ; GPU=-1 ; hostname=h',
    'no CUDA device is visible to this process',
    'PROVIDER_UNAVAILABLE',
  ],
  [
    'Unsupported data type: 16',
    'a tensor of the model is of ONNX type 16, which onnxruntime-node cannot carry',
    'UNSUPPORTED_TYPE',
  ],
  [
    'something nobody has seen in /srv/secret',
    'onnxruntime could not load the model; the log has its reason',
    'MODEL_LOAD_FAILED',
  ],
] as const) {
  test(`a load fails with words of our own: ${message}`, () => {
    const cause = new Error(text);
    const error = toLoadError(cause);
    assert.deepEqual(
      [error.code, error.message, error.reason, error.cause],
      ['failed_precondition', message, reason, cause],
    );
  });
}
