import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServingError } from '../../../src/errors.ts';
import { FailureCounts } from '../../../src/observability/failure-counts.ts';

test('failures are counted by front, code and reason', () => {
  const counts = new FailureCounts();
  const unknown = new ServingError('not_found', "no model 'x'", { reason: 'MODEL_NOT_FOUND' });
  for (const front of ['http', 'grpc', 'grpc'] as const) counts.add(front, unknown);
  counts.add('grpc', new ServingError('invalid_argument', 'no', { reason: 'MODEL_NOT_FOUND' }));
  counts.add('grpc', new ServingError('internal', 'no reason'));
  counts.add('embedded', new TypeError('not expected'));
  assert.deepEqual(counts.read(), [
    { front: 'grpc', code: 'not_found', reason: 'MODEL_NOT_FOUND', count: 2 },
    { front: 'grpc', code: 'invalid_argument', reason: 'MODEL_NOT_FOUND', count: 1 },
    { front: 'grpc', code: 'internal', reason: '', count: 1 },
    { front: 'http', code: 'not_found', reason: 'MODEL_NOT_FOUND', count: 1 },
    { front: 'embedded', code: 'internal', reason: '', count: 1 },
  ]);
});

test('what clients send makes no cells of its own', () => {
  const counts = new FailureCounts();
  for (let n = 0; n < 100; n++) {
    counts.add('grpc', new ServingError('not_found', `no model '${n}'`, { reason: 'MODEL_NOT_FOUND' }));
  }
  assert.equal(counts.read().length, 1);
  assert.equal(counts.read()[0]?.count, 100);
});
