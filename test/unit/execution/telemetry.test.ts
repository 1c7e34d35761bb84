import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refuseTelemetry } from '../../../src/execution/telemetry.ts';

test("ONNX Runtime's telemetry is refused, unless the operator decided about it", () => {
  const nothingSaid: NodeJS.ProcessEnv = {};
  refuseTelemetry(nothingSaid);
  assert.deepEqual(nothingSaid, { ORT_DISABLE_TELEMETRY: '1' });
  const allowed: NodeJS.ProcessEnv = { ORT_DISABLE_TELEMETRY: '0' };
  refuseTelemetry(allowed);
  assert.deepEqual(allowed, { ORT_DISABLE_TELEMETRY: '0' });
});
