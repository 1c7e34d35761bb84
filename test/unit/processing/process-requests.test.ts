import assert from 'node:assert/strict';
import { test } from 'node:test';
import { validateRequest } from '../../../src/admission/validate.ts';
import { TargetHolds } from '../../../src/ensembles/target-holds.ts';
import { ServingError } from '../../../src/errors.ts';
import { silentLogger } from '../../../src/inference/logger.ts';
import type {
  ModuleDeclaration,
  ProcessedTensors,
  ProcessingStep,
} from '../../../src/inference/processing.ts';
import type { InferRequest } from '../../../src/inference/request.ts';
import type { Target } from '../../../src/inference/target.ts';
import type { Tensor } from '../../../src/inference/tensor.ts';
import { processRequests } from '../../../src/processing/process-requests.ts';
import {
  buildTarget,
  buildTensorSpec,
  callAt,
  rowsRequest,
  StatisticsNotebook,
} from '../../support/build-target.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const text: Tensor = { name: 'text', datatype: 'BYTES', shape: [1, 1], data: Uint8Array.of(1, 0, 0, 0, 65) };
const made = rowsRequest(1, 7).inputs;
const label: Tensor = { ...text, name: 'label' };
const both: ModuleDeclaration = {
  inputs: undefined,
  outputs: undefined,
  preprocess: true,
  postprocess: true,
};

interface Setup {
  readonly declaration?: ModuleDeclaration;
  readonly run?: (step: ProcessingStep) => ProcessedTensors;
  readonly takes?: boolean;
}

function setUp({ declaration = both, run, takes = true }: Setup) {
  const [held, steps]: [number[], ProcessingStep[]] = [[], []];
  const model = buildTarget([]);
  const tensor = (name: string) => buildTensorSpec(name, { datatype: 'BYTES', dims: [1] });
  const outer = buildTarget([], {
    spec: {
      ...(declaration.preprocess ? { inputs: [tensor('text')] } : {}),
      ...(declaration.postprocess ? { outputs: [tensor('label')] } : {}),
    },
  });
  const statistics = new StatisticsNotebook();
  const processor = {
    async run(step: ProcessingStep): Promise<ProcessedTensors> {
      steps.push(step);
      if (run !== undefined) return run(step);
      return step.hook === 'preprocess'
        ? { tensors: made, state: Uint8Array.of(9) }
        : { tensors: [label], state: undefined };
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const target: Target = { ...outer, statistics, processing: { declaration, processor, model } };
  const submitted: InferRequest[] = [];
  const holds = new TargetHolds();
  const submit = processRequests({
    submit: (chosen, request) => {
      submitted.push(request);
      const y: Tensor = { ...request.inputs[0]!, name: 'y' };
      assert.equal(chosen, model);
      return Promise.resolve({ model: 'm', version: '1', id: '', outputs: [y], parameters: new Map() });
    },
    validate: validateRequest,
    budget: {
      take: (bytes) => takes && held.push(bytes) > 0,
      release: (bytes) => void held.push(-bytes),
      couldHold: () => true,
    },
    holds,
    clock: new FakeClock(5),
    logger: silentLogger,
  });
  return { submit, target, model, submitted, steps, held, holds, statistics };
}

function textRequest(outputs = ['label']): InferRequest {
  const request = rowsRequest(1, 0, { outputs });
  return { ...request, inputs: [text] };
}

test('a request passes the module before and after the model, and its state goes along', async () => {
  const { submit, target, submitted, steps, held, holds, statistics } = setUp({});
  const answer = await submit(target, textRequest(), callAt(0));
  assert.deepEqual(answer.outputs, [label]);
  assert.deepEqual(submitted[0]?.inputs, made);
  assert.deepEqual(
    steps.map(({ hook, tensors: [tensor], state }) => [hook, tensor?.name, state?.[0]]),
    [
      ['preprocess', 'text', undefined],
      ['postprocess', 'y', 9],
    ],
  );
  assert.deepEqual(held, [8, -8]);
  assert.deepEqual(statistics.successes, [5]);
  await holds.released(target);
});

test('requests of other models go on as they are', async () => {
  const { submit, model, steps } = setUp({});
  const request = rowsRequest(1);
  const answer = await submit(model, request, callAt(0));
  assert.equal(answer.outputs[0]?.name, 'y');
  assert.deepEqual(steps, []);
});

test('without postprocess the model is asked for what the client wants', async () => {
  const { submit, target, submitted } = setUp({ declaration: { ...both, postprocess: false } });
  const answer = await submit(target, textRequest(['y']), callAt(0));
  assert.equal(answer.outputs[0]?.name, 'y');
  assert.deepEqual(
    submitted[0]?.outputs.map(({ name }) => name),
    ['y'],
  );
});

const badTensors: readonly (readonly [title: string, hook: string, tensors: readonly Tensor[]])[] = [
  ['preprocess makes what the model does not take', 'preprocess', [{ ...text, name: 'x' }]],
  ['preprocess makes another input', 'preprocess', [{ ...made[0]!, name: 'z' }]],
  ['postprocess leaves an output out', 'postprocess', []],
  ['postprocess gives another datatype', 'postprocess', [{ ...made[0]!, name: 'label' }]],
  ['postprocess gives other rows', 'postprocess', [{ ...label, shape: [2, 1] }]],
];

for (const [title, hook, tensors] of badTensors) {
  test(`a request fails as the module's fault when ${title}`, async () => {
    const { submit, target, held, statistics } = setUp({
      run: (step) => ({ tensors: step.hook === hook ? tensors : made, state: undefined }),
    });
    await assert.rejects(submit(target, textRequest(), callAt(0)), {
      code: 'internal',
      reason: 'PROCESSING_FAILED',
    });
    assert.equal(
      held.reduce((sum, bytes) => sum + bytes, 0),
      0,
    );
    assert.deepEqual(statistics.failures, [{ totalMs: 5, reason: 'BACKEND' }]);
  });
}

test('what preprocess makes counts against the byte budget', async () => {
  const { submit, target, held } = setUp({ takes: false });
  await assert.rejects(submit(target, textRequest(), callAt(0)), {
    code: 'resource_exhausted',
    reason: 'BYTE_BUDGET_EXCEEDED',
  });
  assert.deepEqual(held, []);
});

test('a request that the module refuses fails as the client’s mistake and holds nothing', async () => {
  const { submit, target, holds, statistics } = setUp({
    run: () => {
      throw new ServingError('invalid_argument', 'no', { reason: 'PROCESSING_REFUSED' });
    },
  });
  await assert.rejects(submit(target, textRequest(), callAt(0)), { code: 'invalid_argument' });
  assert.deepEqual(statistics.failures, [{ totalMs: 5, reason: 'OTHER' }]);
  await holds.released(target);
});
