import { ServingError } from '../../../../errors.ts';
import type { Task } from '../../../../inference/task.ts';
import type { InferRequest } from '../../../../inference/request.ts';
import { printable } from '../../../../util/printable.ts';
import type { Endpoint, Handler } from '../../http-call.ts';
import { jsonPieces, type HttpReply } from '../../reply.ts';
import type { DialectServices } from '../dialect-services.ts';
import { answerPredict, readCall } from './predict.ts';
import type { PredictForm } from './read-predict.ts';
import type { Tasks } from './tasks.ts';

/** Takes what a prediction takes, and answers with a task instead of waiting. Wrong features are refused at once. */
export function createPredictAsync(services: DialectServices, tasks: Tasks, form: PredictForm): Handler {
  return async (call) => {
    if (!services.alone && services.joinTasks === undefined) throw notAlone();
    const asked = await readCall(services, call, form);
    const { principal, deadline, front } = call.context;
    const task = await tasks.start({
      principal,
      deadline,
      front,
      sizeBytes: asked.requests.reduce((sum, request) => sum + sizeOf(request), 0),
      asked: { path: call.path, form, body: call.body },
      run: (context) => answerPredict(services, asked, context),
    });
    return { ...taskReply(task), status: 202, headers: ['Location', `/v1/tasks/${task.id}`] };
  };
}

/** GET tells how a task stands, DELETE cancels or forgets it. */
export function createTasks(tasks: Tasks): Endpoint {
  return {
    scope: 'infer',
    get: async ({ path, context }) => taskReply(await tasks.find(path.task ?? '', context.principal)),
    post: undefined,
    delete: async ({ path, context }) => taskReply(await tasks.cancel(path.task ?? '', context.principal)),
  };
}

function sizeOf({ inputs }: InferRequest): number {
  return inputs.reduce((sum, { data }) => sum + data.byteLength, 0);
}

function taskReply({ id, createdAt, finishedAt, expiresAt, outcome }: Task): HttpReply {
  const fields = {
    task_id: id,
    state: outcome.state,
    created_at: new Date(createdAt).toISOString(),
    finished_at: finishedAt === undefined ? undefined : new Date(finishedAt).toISOString(),
    expires_at: expiresAt === undefined ? undefined : new Date(expiresAt).toISOString(),
    ...(outcome.state === 'failed' ? failure(outcome.error) : {}),
  };
  const text = JSON.stringify(fields);
  const whole = outcome.state === 'succeeded' ? `${text.slice(0, -1)},"result":${outcome.text}}` : text;
  return jsonPieces([Buffer.from(whole)]);
}

function failure({ message, reason }: ServingError): object {
  return { error: printable(message, 1021), reason };
}

function notAlone(): ServingError {
  return new ServingError(
    'unimplemented',
    'tasks are kept by the thread that took them: with --io-threads above 1 they need --task-redis',
    { reason: 'TASKS_UNSUPPORTED' },
  );
}
