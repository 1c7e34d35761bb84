import type { FromModule, ToModule } from '../../src/processing/messages.ts';
import type { ModuleProcess, StartModuleProcess } from '../../src/processing/module-process.ts';

/** A module's process that does what the test says. */
export class PuppetModule implements ModuleProcess {
  readonly asked: ToModule[] = [];
  readonly exited: Promise<unknown>;
  killed = false;
  holds = 0;
  #waiting: PromiseWithResolvers<FromModule> | undefined = undefined;
  readonly #exit = Promise.withResolvers<unknown>();

  constructor() {
    this.exited = this.#exit.promise;
  }

  ask(message: ToModule): Promise<FromModule> {
    this.asked.push(message);
    this.#waiting = Promise.withResolvers<FromModule>();
    return this.#waiting.promise;
  }

  heldBytes(): Promise<number> {
    return Promise.resolve(this.holds);
  }

  kill(): void {
    this.killed = true;
    this.exit(new Error('killed'));
  }

  /** It answers what it was asked last. */
  answer(message: FromModule): void {
    this.#waiting?.resolve(message);
    this.#waiting = undefined;
  }

  opened(): void {
    this.answer({ kind: 'opened', declaration: {}, hooks: ['preprocess'] });
  }

  done(heldBytes = 0): void {
    this.answer({ kind: 'done', tensors: [], state: undefined, heldBytes });
  }

  exit(cause: unknown): void {
    this.#waiting?.reject(cause);
    this.#waiting = undefined;
    this.#exit.resolve(cause);
  }
}

/** Starts puppets, and remembers them in order. */
export function puppetModules(): { readonly started: PuppetModule[]; readonly start: StartModuleProcess } {
  const started: PuppetModule[] = [];
  return {
    started,
    start: () => {
      const puppet = new PuppetModule();
      started.push(puppet);
      return puppet;
    },
  };
}
