import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServingError } from '../../../src/errors.ts';
import type { InferResponse } from '../../../src/inference/response.ts';
import { callAt, firstOfRows, principalNamed, rowsRequest } from '../../support/build-target.ts';
import { CachedModel } from '../../support/cached-model.ts';
import { settled } from '../../support/fake-clock.ts';

function valueOf(response: InferResponse): number | undefined {
  return firstOfRows(response.outputs[0]?.data ?? new Uint8Array(0))[0];
}

function isCached({ parameters }: InferResponse): boolean {
  return parameters.get('cache_hit') === true;
}

test('the second of two equal requests is answered without an execution, says so, and has its own id', async () => {
  const model = new CachedModel();
  const first = await model.computed(rowsRequest(1, 7, { id: 'a' }), callAt(1000));
  const second = await model.submit(rowsRequest(1, 7, { id: 'b' }), callAt(1000));
  assert.equal(model.runs.length, 1);
  assert.deepEqual([valueOf(first), valueOf(second)], [7, 7]);
  assert.deepEqual([isCached(first), isCached(second)], [false, true]);
  assert.deepEqual([first.id, second.id], ['a', 'b']);
  assert.deepEqual(
    [model.statistics.misses, model.statistics.hits, model.statistics.successes.length],
    [1, 1, 2],
  );
});

test('an answer that is kept is not part of the batch that it came from', async () => {
  const model = new CachedModel();
  const first = await model.computed(rowsRequest(1, 7), callAt(1000));
  const second = await model.submit(rowsRequest(1, 7), callAt(1000));
  assert.notEqual(second.outputs[0], first.outputs[0]);
});

test('a model without a response cache is executed each time', async () => {
  const model = new CachedModel({ spec: { caching: undefined } });
  await model.computed(rowsRequest(1, 7), callAt(1000));
  await model.computed(rowsRequest(1, 7), callAt(1000));
  assert.equal(model.runs.length, 2);
});

test('a model with random operators is executed each time, and its cache says why', async () => {
  const model = new CachedModel({ spec: { caching: { randomOperator: 'RandomNormal' } } });
  await model.computed(rowsRequest(1, 7), callAt(1000));
  await model.computed(rowsRequest(1, 7), callAt(1000));
  assert.equal(model.runs.length, 2);
  const { offReason, bypassed } = model.reading();
  assert.deepEqual([offReason, bypassed.random_operators], ['random_operators', 2]);
});

test('tenants do not share answers', async () => {
  const model = new CachedModel();
  await model.computed(rowsRequest(1, 7), callAt(1000, { principal: principalNamed('one') }));
  const other = await model.computed(rowsRequest(1, 7), callAt(1000, { principal: principalNamed('two') }));
  assert.equal(model.runs.length, 2);
  assert.equal(isCached(other), false);
});

test('models of other content do not share answers', async () => {
  const model = new CachedModel();
  await model.computed(rowsRequest(1, 7), callAt(1000));
  const reloaded = { ...model.target, spec: { ...model.target.spec, digest: 'd2' } };
  void model.submit(rowsRequest(1, 7), callAt(1000), reloaded);
  assert.equal(model.runs.length, 2);
});

test('a thousand equal requests at once are one execution, and all are answered', async () => {
  const model = new CachedModel();
  const answers = Array.from({ length: 1000 }, (_, id) =>
    model.submit(rowsRequest(1, 7, { id: `${id}` }), callAt(1000)),
  );
  assert.equal(model.runs.length, 1);
  model.runs[0]?.succeed();
  const responses = await Promise.all(answers);
  assert.ok(responses.every((response, id) => valueOf(response) === 7 && response.id === `${id}`));
  assert.deepEqual(
    [model.statistics.misses, model.statistics.hits, model.statistics.successes.length],
    [1, 999, 1000],
  );
  assert.deepEqual(model.reading().requests, { hit: 0, stale: 0, joined: 999, shared: 0, miss: 1 });
});

test('who leaves an execution that others wait for fails alone', async () => {
  const model = new CachedModel();
  const leaderCall = callAt(1000);
  const followerCall = callAt(1000);
  const leader = assert.rejects(model.submit(rowsRequest(1, 7), leaderCall), { code: 'cancelled' });
  const follower = assert.rejects(model.submit(rowsRequest(1, 7), followerCall), { code: 'cancelled' });
  const last = model.submit(rowsRequest(1, 7), callAt(1000));
  followerCall.cancel();
  leaderCall.cancel();
  await Promise.all([leader, follower]);
  assert.equal(model.runs[0]?.call.cancelled, false);
  model.runs[0]?.succeed();
  assert.equal(valueOf(await last), 7);
  assert.equal(model.runs.length, 1);
  assert.deepEqual([model.statistics.failures.length, model.statistics.successes.length], [2, 1]);
});

test('an execution that nobody waits for any more is cancelled, and the next request begins another', async () => {
  const model = new CachedModel();
  const call = callAt(1000);
  const answer = assert.rejects(model.submit(rowsRequest(1, 7), call), { code: 'cancelled' });
  call.cancel();
  await answer;
  assert.equal(model.runs[0]?.call.cancelled, true);
  const next = model.submit(rowsRequest(1, 7), callAt(1000));
  assert.equal(model.runs.length, 2);
  model.runs[1]?.succeed();
  assert.equal(valueOf(await next), 7);
});

test('who has less time than the execution that it joined waits for no longer than that', async () => {
  const model = new CachedModel();
  const leader = model.submit(rowsRequest(1, 7), callAt(1000));
  const hurried = assert.rejects(model.submit(rowsRequest(1, 7), callAt(1000, { deadline: 1050 })), {
    code: 'deadline_exceeded',
  });
  model.clock.advance(50);
  await hurried;
  model.runs[0]?.succeed();
  assert.equal(valueOf(await leader), 7);
  assert.equal(model.clock.pending, 0);
});

test('when the time of who came first is up, one with more time takes over', async () => {
  const model = new CachedModel();
  const late = new ServingError('deadline_exceeded', 'too late');
  const first = assert.rejects(model.submit(rowsRequest(1, 7), callAt(1000, { deadline: 1010 })), {
    code: 'deadline_exceeded',
  });
  const second = model.submit(rowsRequest(1, 7, { id: 'b' }), callAt(1000, { deadline: 2000 }));
  const third = model.submit(rowsRequest(1, 7, { id: 'c' }), callAt(1000));
  model.runs[0]?.fail(late);
  await first;
  await settled();
  assert.equal(model.runs.length, 2);
  assert.equal(model.runs[1]?.call.deadline, 2000);
  model.runs[1]?.succeed();
  assert.deepEqual([(await second).id, (await third).id], ['b', 'c']);
  assert.equal(model.clock.pending, 0);
});

test('a failure is told to all who waited, and the next request is executed', async () => {
  const model = new CachedModel();
  const failure = new ServingError('internal', 'the model failed', { reason: 'INFERENCE_FAILED' });
  const answers = [1, 2, 3].map(() =>
    assert.rejects(model.submit(rowsRequest(1, 7), callAt(1000)), { reason: 'INFERENCE_FAILED' }),
  );
  model.runs[0]?.fail(failure);
  await Promise.all(answers);
  assert.equal(model.statistics.failures.length, 3);
  await model.computed(rowsRequest(1, 7), callAt(1000));
  assert.equal(model.runs.length, 2);
});

test('a failure that the input causes is told again for a second, and then tried', async () => {
  const model = new CachedModel();
  const failure = new ServingError('invalid_argument', 'no such row', { reason: 'INPUT_NOT_COMPUTABLE' });
  const first = assert.rejects(model.submit(rowsRequest(1, 7), callAt(1000)), failure);
  model.runs[0]?.fail(failure);
  await first;
  model.clock.advance(999);
  await assert.rejects(model.submit(rowsRequest(1, 7), callAt(1999)), { reason: 'INPUT_NOT_COMPUTABLE' });
  assert.equal(model.runs.length, 1);
  model.clock.advance(1);
  await model.computed(rowsRequest(1, 7), callAt(2000));
  assert.equal(model.runs.length, 2);
});

test('who has terms of its own in the queue joins nobody, and is answered from what is kept', async () => {
  const model = new CachedModel();
  const plain = model.submit(rowsRequest(1, 7), callAt(1000));
  const urgent = model.submit(rowsRequest(1, 7, { parameters: { priority: 1 } }), callAt(1000));
  assert.equal(model.runs.length, 2);
  model.runs[0]?.succeed();
  model.runs[1]?.succeed();
  await Promise.all([plain, urgent]);
  assert.ok(isCached(await model.submit(rowsRequest(1, 7, { parameters: { priority: 1 } }), callAt(1000))));
});

test('an answer whose time is up is computed anew', async () => {
  const model = new CachedModel({ ttlMs: 100, random: () => 1 });
  await model.computed(rowsRequest(1, 7), callAt(1000));
  model.clock.advance(99);
  assert.ok(isCached(await model.submit(rowsRequest(1, 7), callAt(1099))));
  model.clock.advance(1);
  assert.ok(!isCached(await model.computed(rowsRequest(1, 7), callAt(1100))));
  assert.equal(model.runs.length, 2);
});

test('an answer just past its time is given once more while it is computed anew', async () => {
  const model = new CachedModel({ ttlMs: 100, staleMs: 50, random: () => 1 });
  await model.computed(rowsRequest(1, 7), callAt(1000));
  model.clock.advance(120);
  assert.ok(isCached(await model.submit(rowsRequest(1, 7), callAt(1120))));
  assert.ok(isCached(await model.submit(rowsRequest(1, 7), callAt(1120))));
  assert.equal(model.runs.length, 2);
  model.runs[1]?.succeed();
  await settled();
  model.clock.advance(90);
  assert.ok(isCached(await model.submit(rowsRequest(1, 7), callAt(1210))));
  assert.deepEqual(model.reading().requests, { hit: 1, stale: 2, joined: 0, shared: 0, miss: 1 });
});

test('shortly before its time is up, one lucky request has an answer renewed', async () => {
  let luck = 1;
  const model = new CachedModel({ ttlMs: 100, random: () => luck });
  const first = model.submit(rowsRequest(1, 7), callAt(1000));
  model.clock.advance(10);
  model.runs[0]?.succeed();
  await first;
  model.clock.advance(95);
  await model.submit(rowsRequest(1, 7), callAt(1105));
  assert.equal(model.runs.length, 1);
  // It took 10 ms to make, and 5 ms are left: e to the power of -0.5 and less is luck.
  luck = Math.exp(-0.51);
  await model.submit(rowsRequest(1, 7), callAt(1105));
  assert.equal(model.runs.length, 2);
});

test('a target that goes takes its answers along', async () => {
  const model = new CachedModel();
  await model.computed(rowsRequest(1, 7), callAt(1000));
  assert.equal(model.reading().entries, 1);
  await model.drained();
  await model.computed(rowsRequest(1, 7), callAt(1000));
  assert.equal(model.runs.length, 2);
});

test('a target is at rest only when executions that were begun again are over', async () => {
  const model = new CachedModel();
  const first = assert.rejects(model.submit(rowsRequest(1, 7), callAt(1000, { deadline: 1010 })));
  const second = model.submit(rowsRequest(1, 7), callAt(1000));
  let atRest = false;
  const drained = model.drained().then(() => {
    atRest = true;
    return atRest;
  });
  model.runs[0]?.fail(new ServingError('deadline_exceeded', 'too late'));
  await first;
  await settled();
  assert.equal(atRest, false);
  model.runs[1]?.succeed();
  await second;
  await drained;
});

test('with no room at all there is no cache', async () => {
  const model = new CachedModel({ maxBytes: 0 });
  await model.computed(rowsRequest(1, 7), callAt(1000));
  await model.computed(rowsRequest(1, 7), callAt(1000));
  assert.equal(model.runs.length, 2);
});

for (const [named, purged] of [
  ['m', true],
  ['', true],
  ['other', false],
] as const) {
  test(`a purge of '${named}' ${purged ? 'forgets' : 'keeps'} the answers of m`, async () => {
    const model = new CachedModel();
    await model.computed(rowsRequest(1, 7), callAt(1000));
    assert.equal(await model.purge(named), purged ? 1 : 0);
    assert.equal(model.reading().entries, purged ? 0 : 1);
    const again = model.submit(rowsRequest(1, 7), callAt(1000));
    if (purged) model.runs.at(-1)?.succeed();
    assert.equal(isCached(await again), !purged);
  });
}

test('what is computed during a purge is answered, joined by nobody and not kept', async () => {
  const model = new CachedModel();
  const before = model.submit(rowsRequest(1, 7), callAt(1000));
  await model.purge();
  const after = model.submit(rowsRequest(1, 7), callAt(1000));
  assert.equal(model.runs.length, 2);
  model.runs[0]?.succeed();
  assert.equal(valueOf(await before), 7);
  assert.equal(model.reading().entries, 0);
  model.runs[1]?.succeed();
  assert.equal(valueOf(await after), 7);
  assert.equal(model.reading().entries, 1);
});
