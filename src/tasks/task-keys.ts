/** Names in Redis. The braces keep them on one node of a cluster, as scripts over several of them need. */
export class TaskKeys {
  readonly queue: string;
  readonly #expiries: string;
  readonly #sizes: string;
  readonly #bytes: string;
  readonly #tasks: string;

  constructor(prefix: string) {
    const base = `{${prefix}:tasks}`;
    this.queue = `${base}:queue`;
    this.#expiries = `${base}:expiries`;
    this.#sizes = `${base}:sizes`;
    this.#bytes = `${base}:bytes`;
    this.#tasks = `${base}:task:`;
  }

  task(id: string): string {
    return `${this.#tasks}${id}`;
  }

  /** In the order of the scripts. */
  all(id: string): [string, string, string, string, string] {
    return [this.task(id), this.queue, this.#expiries, this.#sizes, this.#bytes];
  }
}
