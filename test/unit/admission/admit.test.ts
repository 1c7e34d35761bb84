import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAdmission } from '../../../src/admission/admit.ts';
import { ByteBudget } from '../../../src/admission/byte-budget.ts';
import { CallContext } from '../../../src/inference/call-context.ts';
import type { Principal } from '../../../src/inference/principal.ts';
import type { SharedTensors } from '../../../src/inference/shared-memory.ts';
import { buildRequest, zeros } from '../../support/build-request.ts';
import { buildTarget, principalNamed } from '../../support/build-target.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { refusalOf } from '../../support/refusal.ts';

const kib = 1024;

function setUp(limitBytes = 64 * kib) {
  const budget = new ByteBudget({ limitBytes });
  const clock = new FakeClock(1000);
  return { budget, clock, target: buildTarget([]), admission: createAdmission({ budget, clock }) };
}

function call(sizeBytes: number, principal: Principal = principalNamed('p')): CallContext {
  return new CallContext(990, Infinity, principal, sizeBytes);
}

test('a caller without the scope infer is refused before anything is counted', () => {
  const { admission, target, budget } = setUp();
  const admin: Principal = { name: 'a', scopes: new Set(['admin']), weight: 1 };
  const refused = refusalOf(() => admission.admit(target, buildRequest(), call(100, admin)));
  assert.equal(refused.code, 'permission_denied');
  assert.equal(refused.reason, 'SCOPE_MISSING');
  assert.equal(budget.heldBytes, 0);
});

test('the bytes of a request are held until its call is finished', () => {
  const { admission, target, budget } = setUp();
  const context = call(3 * kib);
  admission.admit(target, buildRequest(), context);
  assert.equal(budget.heldBytes, 3 * kib);
  context.cancel();
  assert.equal(budget.heldBytes, 3 * kib);
  context.finish();
  context.finish();
  assert.equal(budget.heldBytes, 0);
});

test('tensors that were decoded into more than what arrived count with their own size', () => {
  const { admission, target, budget } = setUp();
  const inputs = [zeros('x', [8, 2])];
  admission.admit(target, buildRequest({ inputs }), call(10));
  assert.equal(budget.heldBytes, kib);
  const large = buildTarget([], { spec: { maxBatchSize: 1000 } });
  admission.admit(large, buildRequest({ inputs: [zeros('x', [512, 2])] }), call(10));
  assert.equal(budget.heldBytes, 5 * kib);
});

test('a request that finds no room is shed with advice when to come back, and counted as rejected', () => {
  const { admission, target, budget } = setUp(4 * kib);
  admission.admit(target, buildRequest(), call(3 * kib));
  const refused = refusalOf(() => admission.admit(target, buildRequest(), call(2 * kib)));
  assert.equal(refused.code, 'resource_exhausted');
  assert.equal(refused.reason, 'BYTE_BUDGET_EXCEEDED');
  assert.equal(refused.retryAfterMs, 100);
  assert.deepEqual(target.statistics.failures, [{ totalMs: 10, reason: 'REJECTED' }]);
  assert.equal(budget.heldBytes, 3 * kib);
});

test('a request above the whole budget is told the option to raise, and not to come back', () => {
  const { admission, target } = setUp(4 * kib);
  const refused = refusalOf(() => admission.admit(target, buildRequest(), call(5 * kib)));
  assert.equal(refused.code, 'resource_exhausted');
  assert.equal(refused.retryAfterMs, undefined);
  assert.match(refused.message, /5120 bytes.*4096 \(--byte-budget\)/);
});

test('a request that fails validation gives its bytes back when its call is finished', () => {
  const { admission, target, budget } = setUp();
  const context = call(kib);
  refusalOf(() => admission.admit(target, buildRequest({ inputs: [] }), context));
  context.finish();
  assert.equal(budget.heldBytes, 0);
});

test('inputs in shared memory are counted before they are read, and then checked like all others', () => {
  const { admission, target, budget } = setUp();
  const request = buildRequest({ inputs: [{ ...zeros('x', [1, 2]), data: new Uint8Array(0) }] });
  const shared: SharedTensors = {
    inputBytes: 8 * kib,
    readInputs(inputs) {
      assert.equal(budget.heldBytes, 9 * kib);
      return inputs.map((input) => ({ ...input, data: new Uint8Array(8) }));
    },
    writeOutputs: (response) => response,
  };
  const context = call(kib);
  assert.equal(admission.admit(target, request, context, shared).inputs[0]?.data.length, 8);
  context.finish();
  assert.equal(budget.heldBytes, 0);
  const large = { ...shared, inputBytes: 64 * kib, readInputs: () => assert.fail('it was read') };
  assert.equal(
    refusalOf(() => admission.admit(target, request, call(kib), large)).reason,
    'BYTE_BUDGET_EXCEEDED',
  );
  const wrong: SharedTensors = { ...shared, readInputs: (inputs) => inputs };
  assert.equal(refusalOf(() => admission.admit(target, request, call(0), wrong)).reason, 'WRONG_SIZE');
});
