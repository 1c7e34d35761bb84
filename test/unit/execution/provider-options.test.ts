import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkProvider } from '../../../src/execution/provider-options.ts';

test('providers without options pass', () => {
  for (const name of ['cpu', 'cuda', 'tensorrt'] as const) checkProvider({ name, deviceId: 3, options: {} });
});

test('an option that the binding cannot pass on is refused with the reason', () => {
  assert.throws(() => checkProvider({ name: 'cuda', deviceId: 0, options: { gpu_mem_limit: '1' } }), {
    code: 'failed_precondition',
    reason: 'PROVIDER_OPTION_UNSUPPORTED',
    message:
      "option 'gpu_mem_limit' of provider cuda cannot be set: onnxruntime-node 1.30.0 passes only the device to it",
  });
});

test('an option of another provider is unknown', () => {
  assert.throws(() => checkProvider({ name: 'cuda', deviceId: 0, options: { trt_fp16_enable: '1' } }), {
    code: 'invalid_argument',
    message: "provider cuda has no option 'trt_fp16_enable'",
  });
});

for (const deviceId of [-1, 1.5, 64, Number.NaN]) {
  test(`device ${deviceId} is refused`, () => {
    assert.throws(() => checkProvider({ name: 'cuda', deviceId, options: {} }), { code: 'invalid_argument' });
  });
}
