import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CallContext } from '../../../../src/inference/call-context.ts';
import { logPredictions } from '../../../../src/observability/predictions/log-predictions.ts';
import type { Answered } from '../../../../src/observability/predictions/prediction-record.ts';
import type { PredictionLog } from '../../../../src/observability/predictions/prediction-log.ts';
import { buildModelPlan, buildResponse } from '../../../support/build-answered.ts';
import { buildRequest } from '../../../support/build-request.ts';
import { buildTarget } from '../../../support/build-target.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

function notebook(plan = buildModelPlan()): { readonly log: PredictionLog; readonly offered: Answered[] } {
  const offered: Answered[] = [];
  const log = {
    choose: (model: string) => (model === 'm' ? plan : undefined),
    offer: (answered: Answered) => void offered.push(answered),
  };
  return { log: log as unknown as PredictionLog, offered };
}

test('an answer is offered with what is known of its call', async () => {
  const { log, offered } = notebook();
  const clock = new FakeClock(100);
  const call = new CallContext(90, Infinity);
  call.front = 'http';
  call.experiment = 'prices';
  call.arm = 'b';
  const submit = logPredictions(() => Promise.resolve(buildResponse()), log, clock);
  await submit(buildTarget([]), buildRequest(), call);
  const [answered] = offered;
  assert.equal(answered?.latencyMs, 10);
  assert.deepEqual([answered?.front, answered?.experiment, answered?.arm], ['http', 'prices', 'b']);
  assert.equal(answered?.sizeBytes, 24);
});

test('a failure is not offered, and reaches who asked', async () => {
  const { log, offered } = notebook();
  const submit = logPredictions(() => Promise.reject(new Error('no')), log, new FakeClock());
  await assert.rejects(submit(buildTarget([]), buildRequest(), new CallContext(0, Infinity)), /no/);
  assert.equal(offered.length, 0);
});

test('answers before the last are offered, and a last one without outputs is not', async () => {
  const { log, offered } = notebook();
  const call = new CallContext(0, Infinity);
  let taken = 0;
  call.takeAnswer = () => {
    taken += 1;
    return Promise.resolve();
  };
  const submit = logPredictions(
    async (_target, _request, { takeAnswer }) => {
      await takeAnswer?.(buildResponse());
      return buildResponse({ outputs: [] });
    },
    log,
    new FakeClock(),
  );
  await submit(buildTarget([]), buildRequest(), call);
  assert.deepEqual([taken, offered.length], [1, 1]);
});
