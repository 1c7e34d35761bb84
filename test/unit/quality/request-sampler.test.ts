import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CallContext } from '../../../src/inference/call-context.ts';
import { noParameters } from '../../../src/inference/request.ts';
import type { Tensor } from '../../../src/inference/tensor.ts';
import { RequestSampler, type Sighting } from '../../../src/quality/request-sampler.ts';
import { buildTensorSpec } from '../../support/build-target.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { lookAt, watchedSpec } from '../../support/watched-requests.ts';

const monitoring = {
  feedback: { keepRequests: 10, keepMs: 1000, windowLabels: 100, baseline: undefined, alertBelow: 0.95 },
  drift: { profile: undefined, firstRows: 1000, rowsPerSecond: 100, windowMs: 0, windowRows: 500 },
};

function textTensor(name: string, text: string): Tensor {
  const size = Buffer.alloc(4);
  size.writeUInt32LE(Buffer.byteLength(text));
  return { name, datatype: 'BYTES', shape: [1, 1], data: Buffer.concat([size, Buffer.from(text)]) };
}

test('of ids and texts of any length little is kept, and what is kept of texts is their beginning', () => {
  const text = (name: string) => buildTensorSpec(name, { dims: [1], datatype: 'BYTES' });
  const spec = watchedSpec(monitoring, {
    inputs: [text('x')],
    outputs: [text('label')],
    features: undefined,
  });
  const clock = new FakeClock();
  const seen: Sighting[] = [];
  const sampler = new RequestSampler(spec, monitoring, {
    clock,
    share: 1,
    onSighting: (sighting) => seen.push(sighting),
    onFailure: (error) => assert.fail(String(error)),
  });
  clock.advance(1000);
  const long = `straße ${'x'.repeat(1_000_000)}`;
  const shared = { model: 'm', version: '1', id: 'i'.repeat(1_000_000), parameters: noParameters };
  const call = new CallContext(0, Infinity);
  const request = { ...shared, inputs: [textTensor('x', long)], outputs: [] };
  const response = { ...shared, outputs: [textTensor('label', long)] };
  lookAt(sampler, { request, response, call }, clock.now());
  call.finish();
  assert.equal(seen.length, 1);
  assert.equal(seen[0]?.predictions[0]?.value, long.slice(0, 256));
  assert.equal(seen[0]?.texts?.[0]?.slice(0, 256), long.slice(0, 256));
  assert.ok(JSON.stringify(seen).length < 10_000);
});
