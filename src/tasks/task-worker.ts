import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { ServingError } from '../errors.ts';
import { CallContext } from '../inference/call-context.ts';
import type { Logger } from '../inference/logger.ts';
import type { Scope } from '../inference/principal.ts';
import type { RunPayload, TaskMember, TaskOutcome } from '../inference/task.ts';
import type { RedisClient } from '../redis/load-redis.ts';
import type { Clock } from '../util/clock.ts';
import type { SharedTaskLimits } from './redis-tasks.ts';
import { taskLost, taskTooLarge } from './refusals.ts';
import { beginScript, finishScript, releaseScript } from './scripts.ts';
import type { TaskKeys } from './task-keys.ts';
import { recordOf } from './task-record.ts';

/** All servers read the queue as one group; the scripts name it, too. */
const group = 'servers';

/** Doubled each time: six times take six seconds. */
const firstRetryMs = 100;

export interface WorkerPace {
  /** Tasks of this server under way at a time: enough to fill batches. */
  readonly mostAtATime: number;
  /** How long one question for work waits for some. */
  readonly blockMs: number;
  /** How often a server says that it still works on what it has, and looks for what others left. */
  readonly beatMs: number;
  /** Who has said nothing for so long is gone. */
  readonly goneMs: number;
  /** How often one server tries a task again that its model sheds or is not there for now. */
  readonly mostRetries: number;
  /** More servers than these do not try a task that its servers end over. */
  readonly mostAttempts: number;
}

export const workerPace: WorkerPace = {
  mostAtATime: 32,
  blockMs: 2000,
  beatMs: 2000,
  goneMs: 10_000,
  mostRetries: 6,
  mostAttempts: 3,
};

export interface TaskWorkerOptions {
  /** For short questions; shared. */
  readonly client: RedisClient;
  /** Waits for work; owned from here on. */
  readonly waiting: RedisClient;
  readonly keys: TaskKeys;
  readonly limits: SharedTaskLimits;
  readonly run: RunPayload;
  readonly ready: TaskMember['ready'];
  readonly pace: WorkerPace;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface UnderWay {
  readonly id: string;
  readonly entry: string;
  readonly call: CallContext;
  /** Somebody cancelled it, or the server stops: what comes of it is thrown away. */
  dropped: boolean;
}

/** Takes tasks from the queue and does them, those of servers that are gone as well. */
export class TaskWorker implements AsyncDisposable {
  readonly #options: TaskWorkerOptions;
  readonly #name = `${hostname()}:${process.pid}:${randomUUID()}`;
  readonly #underWay = new Map<string, UnderWay>();
  readonly #done: Promise<void>;
  #beat: Disposable;
  #stopping = false;
  #wake: (() => void) | undefined = undefined;

  constructor(options: TaskWorkerOptions) {
    this.#options = options;
    this.#beat = this.#beatLater();
    this.#done = this.#work();
  }

  /** Ends it here if it is here. */
  cancel(id: string): void {
    const task = this.#underWay.get(id);
    if (task === undefined) return;
    task.dropped = true;
    task.call.cancel();
  }

  /** What is under way is left to others at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#beat[Symbol.dispose]();
    this.#wake?.();
    const { client, waiting, keys, pace } = this.#options;
    waiting.disconnect();
    await this.#done;
    const left = [...this.#underWay.values()];
    for (const { id } of left) this.cancel(id);
    try {
      for (const { id, entry } of left) {
        await client.eval(releaseScript, 5, ...keys.all(id), entry, this.#name, pace.goneMs);
      }
      if (left.length === 0) await client.xgroup('DELCONSUMER', keys.queue, group, this.#name);
    } catch {
      // Others notice by themselves, only later.
    }
  }

  async #work(): Promise<void> {
    const { logger, pace } = this.#options;
    let said = false;
    while (!this.#stopping) {
      try {
        await this.#room();
        if (this.#stopping) return;
        if (!this.#options.ready()) {
          await this.#pause(pace.blockMs / 8);
          continue;
        }
        await this.#take();
        said = false;
      } catch (error) {
        if (this.#stopping) return;
        const problem = error instanceof Error ? error.message : String(error);
        if (problem.startsWith('NOGROUP')) await this.#createGroup();
        else {
          if (!said) logger.debug({ problem }, 'no tasks can be taken now');
          said = true;
          await this.#pause(pace.blockMs / 4);
        }
      }
    }
  }

  async #createGroup(): Promise<void> {
    const { client, keys } = this.#options;
    // Another server may have been first; what else is wrong shows with the next question.
    await client.xgroup('CREATE', keys.queue, group, '0', 'MKSTREAM').catch(() => undefined);
  }

  async #take(): Promise<void> {
    const { waiting, keys, pace } = this.#options;
    const most = pace.mostAtATime - this.#underWay.size;
    const answer: unknown = await waiting.xreadgroup(
      'GROUP',
      group,
      this.#name,
      'COUNT',
      most,
      'BLOCK',
      pace.blockMs,
      'STREAMS',
      keys.queue,
      '>',
    );
    const [stream] = listOf(answer);
    for (const entry of listOf(listOf(stream)[1])) this.#begin(entry);
  }

  /** @param entry its identifier, and names and values in turn. */
  #begin(entry: unknown): void {
    const [entryId, fields] = listOf(entry);
    const [, id] = listOf(fields);
    if (typeof entryId !== 'string' || typeof id !== 'string' || this.#underWay.has(id)) return;
    const call = new CallContext(this.#options.clock.now(), Infinity);
    const task: UnderWay = { id, entry: entryId, call, dropped: false };
    this.#underWay.set(id, task);
    void this.#run(task).finally(() => {
      this.#underWay.delete(id);
      task.call.finish();
      this.#wake?.();
    });
  }

  async #run(task: UnderWay): Promise<void> {
    const { client, keys, logger } = this.#options;
    try {
      const told = await client.callBuffer('EVAL', beginScript, '5', ...keys.all(task.id), task.entry);
      const [owner, weight, deadline, payload, attempts] = listOf(told);
      if (!Buffer.isBuffer(payload)) return;
      const outcome = await this.#outcomeOf(task, {
        owner: String(owner),
        weight: Number(weight),
        deadlineAt: Number(deadline),
        payload,
        attempts: Number(attempts),
      });
      if (!task.dropped) await this.#finish(task, outcome);
    } catch (error) {
      // It stays in the queue, and is done again when this server has said nothing of it for a while.
      logger.debug({ problem: error instanceof Error ? error.message : '' }, 'a task cannot be finished now');
    }
  }

  async #outcomeOf(
    task: UnderWay,
    { owner, weight, deadlineAt, payload, attempts }: Begun,
  ): Promise<TaskOutcome> {
    const { clock, pace } = this.#options;
    if (attempts > pace.mostAttempts) return { state: 'failed', error: taskLost(pace.mostAttempts) };
    const principal = { name: owner, scopes: new Set<Scope>(['infer']), weight };
    const deadline = clock.now() + (deadlineAt - clock.epochMs());
    const call = new CallContext(clock.now(), deadline, principal, payload.byteLength);
    call.front = 'http';
    task.call.onCancelled(() => call.cancel());
    using _limit = Number.isFinite(deadline)
      ? clock.after(Math.max(0, deadline - clock.now()), () => call.cancel())
      : undefined;
    try {
      return { state: 'succeeded', text: await this.#runPatiently(payload, call) };
    } catch (thrown) {
      const error = ServingError.from(thrown);
      if (!call.cancelled || task.dropped) return { state: 'failed', error };
      const late = new ServingError('deadline_exceeded', 'Deadline Exceeded', {
        reason: 'DEADLINE_EXCEEDED',
      });
      return { state: 'failed', error: late };
    } finally {
      call.finish();
    }
  }

  /** Nobody waits for a task: what is shed, or has no model for now, is tried again. */
  async #runPatiently(payload: Buffer, call: CallContext): Promise<string> {
    const { clock, run, pace } = this.#options;
    for (let retry = 0; ; retry++) {
      try {
        return await run(payload, call);
      } catch (thrown) {
        const { code, retryAfterMs } = ServingError.from(thrown);
        const passes =
          code === 'unavailable' || (code === 'resource_exhausted' && retryAfterMs !== undefined);
        if (!passes || retry >= pace.mostRetries || call.cancelled) throw thrown;
        const { promise, resolve } = Promise.withResolvers<void>();
        using _timer = clock.after(Math.max(retryAfterMs ?? 0, firstRetryMs * 2 ** retry), resolve);
        call.onCancelled(resolve);
        await promise;
        call.onCancelled(undefined);
        if (call.cancelled) throw thrown;
      }
    }
  }

  async #finish({ id, entry }: UnderWay, outcome: TaskOutcome): Promise<void> {
    const { client, keys, limits, clock } = this.#options;
    const record = recordOf(outcome);
    const values = [id, clock.epochMs(), limits.keepMs, limits.maxBytes, entry, ...record];
    const kept = await client.eval(finishScript, 5, ...keys.all(id), ...values);
    if (kept !== -1) return;
    const tooLarge = recordOf({ state: 'failed', error: taskTooLarge(limits.maxBytes) });
    await client.eval(finishScript, 5, ...keys.all(id), ...values.slice(0, 5), ...tooLarge);
  }

  /** Resolves when another task may be begun. */
  #room(): Promise<void> {
    if (this.#underWay.size < this.#options.pace.mostAtATime) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  async #pause(delayMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    using _timer = this.#options.clock.after(delayMs, resolve);
    this.#wake = resolve;
    await promise;
  }

  #beatLater(): Disposable {
    return this.#options.clock.after(this.#options.pace.beatMs, () => {
      void this.#look().finally(() => {
        if (!this.#stopping) this.#beat = this.#beatLater();
      });
    });
  }

  /** Says that it still works, learns what was cancelled elsewhere, and takes over what others left. */
  async #look(): Promise<void> {
    const { client, keys, pace } = this.#options;
    try {
      for (const { id, entry } of this.#underWay.values()) {
        const state = await client.hget(keys.task(id), 'state');
        if (state !== 'pending') this.cancel(id);
        else await client.call('XCLAIM', keys.queue, group, this.#name, '0', entry, 'JUSTID');
      }
      const room = pace.mostAtATime - this.#underWay.size;
      if (room <= 0 || this.#stopping || !this.#options.ready()) return;
      const answer: unknown = await client.xautoclaim(
        keys.queue,
        group,
        this.#name,
        pace.goneMs,
        '0',
        'COUNT',
        room,
      );
      for (const entry of listOf(listOf(answer)[1])) this.#begin(entry);
      await this.#removeGone();
    } catch {
      // The next look says the same.
    }
  }

  /** Servers that are gone and have left nothing: their names would stay for ever. */
  async #removeGone(): Promise<void> {
    const { client, keys, pace } = this.#options;
    for (const told of listOf(await client.xinfo('CONSUMERS', keys.queue, group))) {
      const fields = listOf(told);
      const valueOf = (name: string): unknown => fields[fields.indexOf(name) + 1];
      const [name, pending, idle] = ['name', 'pending', 'idle'].map(valueOf);
      if (name === this.#name || pending !== 0 || Number(idle) < pace.goneMs * 60) continue;
      await client.xgroup('DELCONSUMER', keys.queue, group, String(name));
    }
  }
}

interface Begun {
  readonly owner: string;
  readonly weight: number;
  readonly deadlineAt: number;
  readonly payload: Buffer;
  readonly attempts: number;
}

function listOf(answer: unknown): readonly unknown[] {
  return Array.isArray(answer) ? answer : [];
}
