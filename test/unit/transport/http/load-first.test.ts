import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServingError } from '../../../../src/errors.ts';
import { CallContext } from '../../../../src/inference/call-context.ts';
import type { RouteOnDemand } from '../../../../src/inference/target.ts';
import { reads, takes, type Endpoint, type HttpCall } from '../../../../src/transport/http/http-call.ts';
import { loadFirst } from '../../../../src/transport/http/load-first.ts';
import { jsonReply } from '../../../../src/transport/http/reply.ts';
import { buildTarget } from '../../../support/build-target.ts';

const call: HttpCall = {
  context: new CallContext(0, Infinity),
  path: { model: 'm', version: '', repository: '', region: '', label: '' },
  query: '',
  body: Buffer.alloc(0),
  header: () => undefined,
};

const reply = jsonReply({});

test('what is asked of a model has it loaded before', async () => {
  const events: string[] = [];
  const load: RouteOnDemand = async (model) => {
    events.push(`load ${model}`);
    return buildTarget([]);
  };
  const answer = () => {
    events.push('answer');
    return reply;
  };
  await loadFirst('/v2/models/{model}', reads('infer', answer), load).get?.(call);
  await loadFirst('/v1/models/{model}:predict', takes('infer', answer), load).post?.(call);
  assert.deepEqual(events, ['load m', 'answer', 'load m', 'answer']);
});

const untouched: readonly (readonly [string, Endpoint])[] = [
  ['/v2/models/{model}/ready', reads('infer', () => reply)],
  ['/v2/models/{model}/stats', reads('infer', () => reply)],
  ['/v2/models/{model}', reads('none', () => reply)],
  ['/v2/repository/models/{model}/load', takes('admin', () => reply)],
  ['/v2', reads('infer', () => reply)],
];
for (const [route, endpoint] of untouched) {
  test(`${route} of scope ${endpoint.scope} loads nothing`, () => {
    assert.equal(
      loadFirst(route, endpoint, () => assert.fail('loaded')),
      endpoint,
    );
  });
}

test('a model that is nowhere is told by whoever was asked, another failure as it is', async () => {
  const failing = (code: 'not_found' | 'resource_exhausted'): RouteOnDemand => {
    return () => Promise.reject(new ServingError(code, 'not loaded'));
  };
  const endpoint = reads('infer', () => reply);
  assert.equal(await loadFirst('/v2/models/{model}', endpoint, failing('not_found')).get?.(call), reply);
  await assert.rejects(
    async () => loadFirst('/v2/models/{model}', endpoint, failing('resource_exhausted')).get?.(call),
    { message: 'not loaded' },
  );
});
