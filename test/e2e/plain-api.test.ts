import { execFile } from 'node:child_process';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { startServer } from '../support/start-server.ts';
import { findProgram } from '../support/tools.ts';

const { path: curl, skip } = findProgram('curl');
const exampleModels = join(import.meta.dirname, '..', '..', 'examples', 'models');

interface Task {
  readonly task_id: string;
  readonly state: string;
  readonly result?: unknown;
}

/** Numbers of the reply with four decimals: what else is in a batch changes the last digits of a float. */
async function ask(url: string, ...args: readonly string[]): Promise<unknown> {
  const { stdout } = await promisify(execFile)(curl, ['--silent', '--max-time', '20', ...args, url]);
  return JSON.parse(stdout, (_, value: unknown) =>
    typeof value === 'number' ? Number(value.toFixed(4)) : value,
  );
}

test('plain predictions by curl', { skip }, async (t) => {
  await using server = await startServer({ repository: exampleModels, args: ['--default-model', 'iris'] });
  const base = `http://${server.httpAddress}`;
  const second = {
    prediction: 'setosa',
    probabilities: { setosa: 0.9827, versicolor: 0.0173, virginica: 0 },
    confidence: 0.9827,
  };

  await t.test('one by position', async () => {
    const reply = await ask(`${base}/predict`, '-d', '{"features":[5.4, 3.9, 1.7, 0.4]}');
    assert.deepEqual(reply, { ...second, model: 'iris', version: '1' });
  });

  await t.test('some by name', async () => {
    const features = { petal_width: 0.4, petal_length: 1.7, sepal_width: 3.9, sepal_length: 5.4 };
    const body = JSON.stringify({ features: [features, features] });
    const reply = await ask(`${base}/v1/models/iris/predict/batch`, '--compressed', '-d', body);
    assert.deepEqual(reply, { predictions: [second, second], model: 'iris', version: '1' });
  });

  await t.test('a regression', async () => {
    const body = '{"features":[0.038,0.051,0.062,0.022,-0.044,-0.035,-0.043,-0.003,0.02,-0.018]}';
    const reply = (await ask(`${base}/v1/models/diabetes/predict`, '-d', body)) as { prediction: unknown };
    assert.equal(typeof reply.prediction, 'number');
  });

  await t.test('wrong features', async () => {
    const reply = (await ask(`${base}/v1/predict`, '-d', '{"features":[5.4, "3.9", 1.7, 31]}')) as {
      details: unknown;
    };
    assert.deepEqual(reply.details, [
      { index: 1, feature: 'sepal_width', problem: 'must be a number' },
      { index: 3, feature: 'petal_width', problem: 'must be at most 30, is 31' },
    ]);
  });

  await t.test('a task', async () => {
    const begun = (await ask(`${base}/predict/async`, '-d', '{"features":[5.4, 3.9, 1.7, 0.4]}')) as Task;
    let task = begun;
    while (task.state === 'pending') task = (await ask(`${base}/v1/tasks/${begun.task_id}`)) as Task;
    assert.deepEqual(task.result, { ...second, model: 'iris', version: '1' });
    const forgotten = (await ask(`${base}/v1/tasks/${begun.task_id}`, '-X', 'DELETE')) as Task;
    assert.equal(forgotten.state, 'succeeded');
  });

  await t.test('health', async () => {
    assert.deepEqual(await ask(`${base}/health`), { status: 'healthy', model_loaded: true });
  });
});

test('plain predictions of every I/O thread', { skip }, async () => {
  await using server = await startServer({ repository: exampleModels, args: ['--io-threads', '2'] });
  const body = '{"features":[5.4, 3.9, 1.7, 0.4]}';
  for (let call = 0; call < 8; call++) {
    const url = `http://${server.httpAddress}/v1/models/iris/predict`;
    const reply = (await ask(url, '-d', body)) as { prediction: unknown };
    assert.equal(reply.prediction, 'setosa');
  }
});
