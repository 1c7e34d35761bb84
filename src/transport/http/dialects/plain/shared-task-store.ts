import type { Principal } from '../../../../inference/principal.ts';
import type { JoinSharedTasks, RunPayload, SharedTasks, Task } from '../../../../inference/task.ts';
import type { DialectServices } from '../dialect-services.ts';
import { answerPredict } from './predict.ts';
import { readPredict } from './read-predict.ts';
import { decodePayload, encodePayload } from './task-payload.ts';
import type { Tasks, TaskWork } from './tasks.ts';

/** Tasks that all servers share, and this one's part in doing them. */
export class SharedTaskStore implements Tasks {
  readonly #services: DialectServices;
  readonly #shared: SharedTasks;

  constructor(services: DialectServices, join: JoinSharedTasks) {
    const { catalog, defaultModel, maxBodyBytes } = services;
    this.#services = services;
    const run: RunPayload = async (payload, call) => {
      const { path, form, body } = decodePayload(payload);
      const asked = readPredict({ catalog, defaultModel, path, bytes: body, form, maxBytes: maxBodyBytes });
      return answerPredict(services, asked, call);
    };
    this.#shared = join({ run, ready: () => catalog.ready() });
  }

  start({ principal, deadline, asked }: TaskWork): Promise<Task> {
    const { clock } = this.#services;
    return this.#shared.start({
      owner: principal.name,
      weight: principal.weight,
      deadlineAt: clock.epochMs() + (deadline - clock.now()),
      payload: encodePayload(asked),
    });
  }

  find(id: string, { name }: Principal): Promise<Task> {
    return this.#shared.find(id, name);
  }

  cancel(id: string, { name }: Principal): Promise<Task> {
    return this.#shared.cancel(id, name);
  }
}
