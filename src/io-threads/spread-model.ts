import type {
  Batch,
  BatchResult,
  Executor,
  OpenedModel,
  SessionMetadata,
  SessionPlan,
} from '../inference/executor.ts';
import type { OpenedProcessing } from '../inference/processing.ts';
import type { Opened } from './messages.ts';
import { threadLost, type ThreadLink } from './thread-link.ts';

/** Runs on one executor of one I/O thread: how the main thread warms models up. Requests never come this way. */
class ThreadExecutor implements Executor {
  readonly inline = false;
  readonly #model: SpreadModel;
  readonly #thread: number;
  readonly #executor: number;

  constructor(model: SpreadModel, thread: number, executor: number) {
    this.#model = model;
    this.#thread = thread;
    this.#executor = executor;
  }

  get idle(): boolean {
    return this.#model.linkOf(this.#thread) !== undefined;
  }

  run(batch: Batch): Promise<BatchResult> {
    const link = this.#model.linkOf(this.#thread);
    if (link === undefined) return Promise.reject(threadLost());
    return link.run(this.#model.id, this.#executor, batch);
  }

  onIdle(): Disposable {
    return { [Symbol.dispose]: () => undefined };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

/** One model version with sessions in every I/O thread, also in threads that start later. */
export class SpreadModel implements OpenedModel {
  readonly id: number;
  /** undefined for an ensemble, which has no sessions. */
  readonly plan: SessionPlan | undefined;
  metadata: SessionMetadata = { inputs: [], outputs: [] };
  executors: readonly Executor[] = [];
  /** Without processes: requests never come this way. */
  processing: OpenedProcessing | undefined = undefined;
  /** Why requests of the model must not share a batch; '' when they may. */
  batchingOffReason = '';
  readonly #links: () => readonly ThreadLink[];
  readonly #onClosed: (model: SpreadModel) => void;

  constructor(
    id: number,
    plan: SessionPlan | undefined,
    links: () => readonly ThreadLink[],
    onClosed: (model: SpreadModel) => void,
  ) {
    this.id = id;
    this.plan = plan;
    this.#links = links;
    this.#onClosed = onClosed;
  }

  linkOf(thread: number): ThreadLink | undefined {
    return this.#links().find(({ index }) => index === thread);
  }

  /** One thread first, so that a model that cannot be opened fails once; the others beside each other. */
  async open(): Promise<void> {
    const [first, ...others] = this.#links();
    if (first === undefined) throw threadLost();
    const opened = await first.open(this.id, this.plan);
    const rest = await Promise.all(others.map((link) => link.open(this.id, this.plan)));
    const { declaration } = opened;
    this.metadata = opened.metadata;
    this.processing = declaration && { declaration, processor: undefined };
    this.executors = [first, ...others].flatMap(({ index }, at) =>
      executorsOf(this, index, at === 0 ? opened : rest[at - 1]),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#onClosed(this);
    await Promise.all(this.#links().map((link) => link.close(this.id)));
  }
}

function executorsOf(model: SpreadModel, thread: number, opened: Opened | undefined): ThreadExecutor[] {
  return Array.from(
    { length: opened?.executors ?? 0 },
    (_, executor) => new ThreadExecutor(model, thread, executor),
  );
}
