import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CallContext } from '../../../../../../src/inference/call-context.ts';
import type { Infer } from '../../../../../../src/inference/infer.ts';
import { noParameters, type InferRequest } from '../../../../../../src/inference/request.ts';
import { runRequests } from '../../../../../../src/transport/http/dialects/plain/run-requests.ts';

function requests(count: number): InferRequest[] {
  return Array.from({ length: count }, (_, index) => ({
    model: 'm',
    version: '',
    id: String(index),
    inputs: [],
    outputs: [],
    parameters: noParameters,
  }));
}

const echo: Infer = async ({ model, version, id }) => ({
  model,
  version,
  id,
  outputs: [],
  parameters: noParameters,
});

test('one request is answered as the call itself', async () => {
  const call = new CallContext(0, Infinity);
  const seen: CallContext[] = [];
  await runRequests((request, context) => (seen.push(context), echo(request, context)), requests(1), call);
  assert.deepEqual(seen, [call]);
});

test('parts are answered in their order, at most sixteen at a time', async () => {
  let open = 0;
  let most = 0;
  const infer: Infer = async (request, call) => {
    most = Math.max(most, ++open);
    await Promise.resolve();
    open--;
    return echo(request, call);
  };
  const responses = await runRequests(infer, requests(40), new CallContext(0, Infinity));
  assert.deepEqual(
    responses.map(({ id }) => Number(id)),
    Array.from({ length: 40 }, (_, index) => index),
  );
  assert.equal(most, 16);
});

test('parts know their caller, and finish with the call', async () => {
  const call = new CallContext(1, 5);
  call.front = 'http';
  const parts: CallContext[] = [];
  await runRequests((request, part) => (parts.push(part), echo(request, part)), requests(2), call);
  assert.deepEqual(
    parts.map(({ origin, deadline, front }) => [origin, deadline, front]),
    [
      [call, 5, 'http'],
      [call, 5, 'http'],
    ],
  );
  let finished = 0;
  for (const part of parts) part.onFinished(() => finished++);
  assert.equal(finished, 0);
  call.finish();
  assert.equal(finished, 2);
});

test('a part that fails cancels the others, and is what the call fails with', async () => {
  const parts: CallContext[] = [];
  const infer: Infer = (request, part) => {
    parts.push(part);
    if (request.id === '1') return Promise.reject(new Error('broken'));
    return new Promise(() => {});
  };
  await assert.rejects(runRequests(infer, requests(3), new CallContext(0, Infinity)), /broken/);
  assert.deepEqual(
    parts.map(({ cancelled }) => cancelled),
    [true, true, true],
  );
});

test('a call that is cancelled cancels its parts', async () => {
  const call = new CallContext(0, Infinity);
  const infer: Infer = (_, part) =>
    new Promise((_resolve, reject) => part.onCancelled(() => reject(new Error('cancelled'))));
  const run = runRequests(infer, requests(2), call);
  call.cancel();
  await assert.rejects(run, /cancelled/);
});
