import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServingError } from '../../../src/errors.ts';
import type { CallContext } from '../../../src/inference/call-context.ts';
import { noParameters, type InferRequest } from '../../../src/inference/request.ts';
import { computing, EnsembleBench, floats, oneFloat, valuesOf } from '../../support/build-ensemble.ts';
import { buildRequest } from '../../support/build-request.ts';
import { buildTensorSpec, callAt, principalNamed, type NotedTarget } from '../../support/build-target.ts';
import { settled } from '../../support/fake-clock.ts';
import { PuppetExecutor } from '../../support/puppet-executor.ts';

/** in -> double -> increment -> out: two models that wait for the test. */
function chain(options: ConstructorParameters<typeof EnsembleBench>[0] = {}) {
  const bench = new EnsembleBench(options);
  const first = new PuppetExecutor({ compute: computing(([x = 0]) => x * 2) });
  const second = new PuppetExecutor({ compute: computing(([x = 0]) => x + 1) });
  const double = bench.model('double', { inputs: ['x'], outputs: ['y'], executor: first });
  const increment = bench.model('increment', { inputs: ['x'], outputs: ['y'], executor: second });
  const ensemble = bench.ensemble('e', {
    inputs: ['in'],
    outputs: ['out'],
    steps: [
      { model_name: 'double', input_map: { x: 'in' }, output_map: { y: 'doubled' } },
      { model_name: 'increment', input_map: { x: 'doubled' }, output_map: { y: 'out' } },
    ],
  });
  return { bench, first, second, double, increment, ensemble };
}

/** in -> left and right -> sum -> out; left and right also are outputs. */
function diamond() {
  const bench = new EnsembleBench();
  const [left, right, sum] = [
    new PuppetExecutor({ compute: computing(([x = 0]) => x * 2) }),
    new PuppetExecutor({ compute: computing(([x = 0]) => x * 10) }),
    new PuppetExecutor({ compute: computing(([a = 0, b = 0]) => a + b) }),
  ] as const;
  bench.model('left', { inputs: ['x'], outputs: ['y'], executor: left });
  bench.model('right', { inputs: ['x'], outputs: ['y'], executor: right });
  bench.model('sum', { inputs: ['a', 'b'], outputs: ['y'], executor: sum });
  const ensemble = bench.ensemble('e', {
    inputs: ['in'],
    outputs: ['out', 'l', 'r'],
    steps: [
      { model_name: 'left', input_map: { x: 'in' }, output_map: { y: 'l' } },
      { model_name: 'right', input_map: { x: 'in' }, output_map: { y: 'r' } },
      { model_name: 'sum', input_map: { b: 'r', a: 'l' }, output_map: { y: 'out' } },
    ],
  });
  return { bench, left, right, sum, ensemble };
}

function rows(values: readonly number[], parts: Parameters<typeof buildRequest>[0] = {}): InferRequest {
  return buildRequest({ inputs: [floats('in', values)], ...parts });
}

test('a request goes through all steps and is answered under the names of the ensemble', async () => {
  const { bench, first, second, ensemble } = chain();
  const answer = bench.infer(ensemble, rows([1, 2], { id: 'r7' }));
  await settled();
  first.finish();
  await settled();
  second.finish();
  const { outputs, ...rest } = await answer;
  assert.deepEqual(rest, { model: 'e', version: '1', id: 'r7', parameters: noParameters });
  assert.deepEqual(
    outputs.map(({ name, shape }) => ({ name, shape })),
    [{ name: 'out', shape: [2, 1] }],
  );
  assert.deepEqual(outputs.flatMap(valuesOf), [3, 5]);
});

test('what a step gives is handed to the next without being copied', async () => {
  const { bench, first, second, ensemble } = chain();
  const answer = bench.infer(ensemble, rows([1]));
  await settled();
  const given = floats('y', [5]);
  first.finish([given]);
  await settled();
  assert.equal(second.running?.inputs[0]?.parts[0], given.data);
  second.finish();
  await answer;
});

test('steps that need nothing of each other run beside each other', async () => {
  const { bench, left, right, sum, ensemble } = diamond();
  const answer = bench.infer(ensemble, rows([3]));
  await settled();
  assert.ok(left.running !== undefined && right.running !== undefined);
  right.finish();
  await settled();
  assert.equal(sum.running, undefined);
  left.finish();
  await settled();
  sum.finish();
  assert.deepEqual(
    (await answer).outputs.map((output) => [output.name, ...valuesOf(output)]),
    [
      ['out', 36],
      ['l', 6],
      ['r', 30],
    ],
  );
});

test('steps of different requests share batches, with those of clients of the model itself', async () => {
  const { bench, first, second, ensemble, increment } = chain();
  const answers = [bench.infer(ensemble, rows([1])), bench.infer(ensemble, rows([2, 3]))];
  await settled();
  assert.equal(first.running?.rows, 3);
  const direct = bench.infer(increment, buildRequest({ inputs: [floats('x', [9])] }));
  await settled();
  first.finish();
  await settled();
  const other = bench.infer(increment, buildRequest({ inputs: [floats('x', [10])] }));
  await settled();
  second.finish();
  await settled();
  assert.equal(second.running?.rows, 4);
  second.finish();
  const values = (await Promise.all([...answers, direct, other])).map(({ outputs }) =>
    outputs.flatMap(valuesOf),
  );
  assert.deepEqual(values, [[3], [5, 7], [10], [11]]);
});

test('only steps that lead to what is asked for are run', async () => {
  const { bench, left, right, sum, ensemble } = diamond();
  const answer = bench.infer(ensemble, rows([3], { outputs: ['r'] }));
  await settled();
  right.finish();
  assert.deepEqual(
    (await answer).outputs.map(({ name }) => name),
    ['r'],
  );
  assert.deepEqual([left.batches.length, sum.batches.length], [0, 0]);
});

test('outputs come in the order in which they are asked for', async () => {
  const { bench, left, right, ensemble } = diamond();
  const answer = bench.infer(ensemble, rows([3], { outputs: ['r', 'l'] }));
  await settled();
  left.finish();
  right.finish();
  assert.deepEqual(
    (await answer).outputs.map(({ name }) => name),
    ['r', 'l'],
  );
});

test('a step that fails fails the request, with its name and its code, and ends the other branches', async () => {
  const { bench, left, right, ensemble } = diamond();
  const busy = bench.infer(ensemble, rows([1], { outputs: ['r'] }));
  await settled();
  const answer = bench.infer(ensemble, rows([2]));
  await settled();
  left.fail(new ServingError('invalid_argument', 'no such index', { reason: 'INPUT_NOT_COMPUTABLE' }));
  await assert.rejects(answer, {
    code: 'invalid_argument',
    reason: 'INPUT_NOT_COMPUTABLE',
    message: "in ensemble 'e', step 'left': no such index",
  });
  right.finish();
  await busy;
  await settled();
  assert.deepEqual(right.rows, [1]);
  assert.deepEqual(ensemble.statistics.failures, [{ totalMs: 0, reason: 'OTHER' }]);
});

test('what a model gave that the next cannot take fails the request with the step', async () => {
  const { bench, first, ensemble } = chain();
  const answer = bench.infer(ensemble, rows([1]));
  await settled();
  first.finish([{ ...floats('y', [1, 2]), shape: [1, 2] }]);
  await assert.rejects(answer, {
    code: 'invalid_argument',
    message: /^in ensemble 'e', step 'increment': unexpected shape for input 'x'/,
  });
});

test('a cancelled request waits for no step and starts no other', async () => {
  const { bench, first, second, ensemble } = chain();
  const busy = bench.infer(ensemble, rows([1]));
  await settled();
  const call = callAt(0);
  const answer = bench.infer(ensemble, rows([2]), call);
  await settled();
  call.cancel();
  await assert.rejects(answer, { code: 'cancelled', message: 'the request was cancelled' });
  first.finish();
  await settled();
  second.finish();
  await busy;
  assert.deepEqual([first.rows, second.rows], [[1], [1]]);
  assert.deepEqual(ensemble.statistics.failures, [{ totalMs: 0, reason: 'CANCELED' }]);
});

test('a request that is cancelled before it comes runs no step', async () => {
  const { bench, first, ensemble } = chain();
  const call = callAt(0);
  call.cancel();
  await assert.rejects(bench.infer(ensemble, rows([2]), call), { code: 'cancelled' });
  assert.equal(first.batches.length, 0);
});

test('deadline, caller, front and parameters go with each step', async () => {
  const seen: { model: string; request: InferRequest; call: CallContext }[] = [];
  const bench = new EnsembleBench({
    submit: (target, request, call) => {
      seen.push({ model: target.spec.name, request, call });
      const outputs = [floats('y', [1])];
      return Promise.resolve({ model: '', version: '', id: '', outputs, parameters: noParameters });
    },
  });
  const executor = new PuppetExecutor();
  bench.model('a', { inputs: ['x'], outputs: ['y'], executor });
  bench.model('b', { inputs: ['x'], outputs: ['y'], executor });
  const ensemble = bench.ensemble('e', {
    inputs: ['in'],
    outputs: ['out'],
    steps: [
      { model_name: 'a', input_map: { x: 'in' }, output_map: { y: 't' } },
      { model_name: 'b', input_map: { x: 't' }, output_map: { y: 'out' } },
    ],
  });
  const principal = principalNamed('tenant', 3);
  const call = callAt(0, { deadline: 900, principal });
  call.front = 'http';
  await bench.infer(ensemble, rows([1], { id: 'q', parameters: { priority: 2, timeout: 5 } }), call);
  assert.deepEqual(
    seen.map(({ model }) => model),
    ['a', 'b'],
  );
  for (const { request, call: own } of seen) {
    assert.equal(own.deadline, 900);
    assert.equal(own.principal, principal);
    assert.equal(own.front, 'http');
    assert.equal(request.id, 'q');
    assert.equal(request.parameters.get('priority'), 2);
    assert.equal(request.parameters.get('timeout'), 5);
  }
});

test('the ensemble counts its own requests, without a queue, and its models count theirs', async () => {
  const { bench, first, second, ensemble, double } = chain();
  const answer = bench.infer(ensemble, rows([1, 2]));
  await settled();
  bench.clock.advance(4);
  first.finish();
  await settled();
  bench.clock.advance(2);
  second.finish();
  await answer;
  assert.deepEqual(ensemble.statistics.batches, [{ rows: 2, requests: 1, queueMs: 0, inferMs: 2 }]);
  assert.deepEqual(ensemble.statistics.successes, [6]);
  assert.deepEqual(double.statistics.batches, [{ rows: 2, requests: 1, queueMs: 0, inferMs: 1 }]);
  assert.deepEqual(double.statistics.successes, [4]);
});

test('tensors between steps count against the byte budget until the request has ended', async () => {
  const { bench, first, second, ensemble } = chain();
  const answer = bench.infer(ensemble, rows([1]));
  await settled();
  assert.equal(bench.budget.heldBytes, 0);
  first.finish();
  await settled();
  assert.equal(bench.budget.heldBytes, 1024);
  second.finish();
  await answer;
  assert.equal(bench.budget.heldBytes, 0);
});

test('a step whose outputs do not fit into the byte budget fails the request, which may be tried again', async () => {
  const { bench, first, ensemble } = chain({ budgetBytes: 2048 });
  assert.equal(bench.budget.take(2048), true);
  const answer = bench.infer(ensemble, rows([1]));
  await settled();
  first.finish();
  await assert.rejects(answer, {
    code: 'resource_exhausted',
    reason: 'BYTE_BUDGET_EXCEEDED',
    retryAfterMs: 100,
    message: /^in ensemble 'e', step 'double': overloaded/,
  });
  bench.budget.release(2048);
  assert.equal(bench.budget.heldBytes, 0);
});

test('a request meets the versions that were there when it came, and they are held for it', async () => {
  const { bench, first, second, ensemble, increment } = chain();
  const answer = bench.infer(ensemble, rows([1]));
  await settled();
  const next = new PuppetExecutor();
  bench.model('increment', { inputs: ['x'], outputs: ['y'], executor: next });
  let released = false;
  const closed = bench.holds.released(increment).then(() => (released = true));
  await settled();
  assert.equal(released, false);
  first.finish();
  await settled();
  assert.equal(next.batches.length, 0);
  second.finish();
  assert.deepEqual((await answer).outputs.flatMap(valuesOf), [3]);
  await closed;
});

test('what a failed request still runs is held until it has ended', async () => {
  const { bench, left, right, ensemble } = diamond();
  const answer = bench.infer(ensemble, rows([1]));
  await settled();
  left.fail(new ServingError('internal', 'broken'));
  await assert.rejects(answer, { code: 'internal' });
  let released = false;
  const closed = bench.holds.released(ensemble).then(() => (released = true));
  await settled();
  assert.equal(released, false);
  right.finish();
  await closed;
});

test('an ensemble may be a step of another', async () => {
  const { bench, first, second } = chain();
  const outer = bench.ensemble('outer', {
    inputs: ['a'],
    outputs: ['z'],
    steps: [
      { model_name: 'e', input_map: { in: 'a' }, output_map: { out: 'b' } },
      { model_name: 'double', input_map: { x: 'b' }, output_map: { y: 'z' } },
    ],
  });
  const answer = bench.infer(outer, buildRequest({ inputs: [floats('a', [5])] }));
  await settled();
  first.finish();
  await settled();
  second.finish();
  await settled();
  first.finish();
  assert.deepEqual((await answer).outputs.flatMap(valuesOf), [22]);
  assert.deepEqual(
    outer.statistics.batches.map(({ inferMs }) => inferMs),
    [3],
  );
});

test('a step inside an ensemble inside an ensemble is named with its way', async () => {
  const { bench, first } = chain();
  const outer = bench.ensemble('outer', {
    inputs: ['a'],
    outputs: ['z'],
    steps: [{ model_name: 'e', input_map: { in: 'a' }, output_map: { out: 'z' } }],
  });
  const answer = bench.infer(outer, buildRequest({ inputs: [floats('a', [5])] }));
  await settled();
  first.fail(new ServingError('internal', 'broken'));
  await assert.rejects(answer, {
    message: "in ensemble 'outer', step 'e': in ensemble 'e', step 'double': broken",
  });
});

/** One model between the input and the output of an ensemble, each with or without a batch dimension. */
function single(ensembleBatch: number, modelBatch: number): { bench: EnsembleBench; ensemble: NotedTarget } {
  const bench = new EnsembleBench();
  const executor = new PuppetExecutor({ inline: true });
  bench.model('m', { inputs: ['x'], outputs: ['y'], executor, spec: { maxBatchSize: modelBatch } });
  const ensemble = bench.ensemble('e', {
    inputs: ['in'],
    outputs: ['out'],
    spec: { maxBatchSize: ensembleBatch },
    steps: [{ model_name: 'm', input_map: { x: 'in' }, output_map: { y: 'out' } }],
  });
  return { bench, ensemble };
}

test('a single row passes through a model without a batch dimension, and comes back as one', async () => {
  const { bench, ensemble } = single(8, 0);
  const { outputs } = await bench.infer(ensemble, rows([4]));
  assert.deepEqual(
    outputs.map(({ shape }) => shape),
    [[1, 1]],
  );
  await assert.rejects(bench.infer(ensemble, rows([4, 5])), { message: /step 'm': unexpected shape/ });
});

test('an ensemble without a batch dimension gives its models batches of one', async () => {
  const { bench, ensemble } = single(0, 8);
  const { outputs } = await bench.infer(
    ensemble,
    buildRequest({ inputs: [{ ...floats('in', [4]), shape: [1] }] }),
  );
  assert.deepEqual(
    outputs.map(({ shape }) => shape),
    [[1]],
  );
});

test('an optional input that is not sent is not given to steps', async () => {
  const bench = new EnsembleBench();
  const executor = new PuppetExecutor({ compute: computing((inputs) => inputs.length), inline: true });
  const inputs = [...oneFloat(['a']), buildTensorSpec('b', { dims: [1], optional: true })];
  const spec = { inputs, inputsByName: new Map(inputs.map((input) => [input.name, input])) };
  bench.model('m', { inputs: [], outputs: ['y'], executor, spec });
  const ensemble = bench.ensemble('e', {
    inputs: [],
    outputs: ['out'],
    spec,
    steps: [{ model_name: 'm', input_map: { b: 'b', a: 'a' }, output_map: { y: 'out' } }],
  });
  const one = await bench.infer(ensemble, buildRequest({ inputs: [floats('a', [4])] }));
  const both = await bench.infer(ensemble, buildRequest({ inputs: [floats('b', [4]), floats('a', [4])] }));
  assert.deepEqual([...one.outputs, ...both.outputs].flatMap(valuesOf), [1, 2]);
});

test('what is no ensemble is submitted as it is', async () => {
  const { bench, first, double } = chain();
  const answer = bench.infer(double, buildRequest({ inputs: [floats('x', [4])] }));
  await settled();
  first.finish();
  assert.deepEqual((await answer).outputs.flatMap(valuesOf), [8]);
});
