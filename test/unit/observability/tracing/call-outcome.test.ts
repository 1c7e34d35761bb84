import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServingError } from '../../../../src/errors.ts';
import { httpOutcome, rpcOutcome } from '../../../../src/observability/tracing/call-outcome.ts';

const unknown = new ServingError('not_found', 'no model', { reason: 'MODEL_NOT_FOUND' });
const later = new ServingError('unavailable', 'later');

for (const { what, thrown, status, type, failed } of [
  { what: 'an answer', thrown: undefined, status: 'OK', type: undefined, failed: false },
  {
    what: "a caller's mistake",
    thrown: unknown,
    status: 'NOT_FOUND',
    type: 'MODEL_NOT_FOUND',
    failed: false,
  },
  {
    what: 'a server that is not ready',
    thrown: later,
    status: 'UNAVAILABLE',
    type: 'UNAVAILABLE',
    failed: true,
  },
  { what: 'a fault', thrown: new TypeError('?'), status: 'INTERNAL', type: 'INTERNAL', failed: true },
]) {
  test(`over gRPC ${what} is ${status}`, () => {
    const outcome = rpcOutcome(thrown);
    assert.equal(outcome.attributes['rpc.status_code'], status);
    assert.equal(outcome.attributes['error.type'], type);
    assert.equal(outcome.failed, failed);
  });
}

for (const { what, code, thrown, type, failed } of [
  { what: 'an answer', code: 200, thrown: undefined, type: undefined, failed: false },
  { what: "a handler's own refusal", code: 404, thrown: undefined, type: '404', failed: false },
  { what: "a caller's mistake", code: 404, thrown: unknown, type: 'MODEL_NOT_FOUND', failed: false },
  { what: 'a server that is not ready', code: 503, thrown: later, type: '503', failed: true },
]) {
  test(`over HTTP ${what} is ${code}`, () => {
    const outcome = httpOutcome(code, thrown);
    assert.equal(outcome.attributes['http.response.status_code'], code);
    assert.equal(outcome.attributes['error.type'], type);
    assert.equal(outcome.failed, failed);
  });
}
