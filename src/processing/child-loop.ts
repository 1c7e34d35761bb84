import { deserialize, serialize } from 'node:v8';
import type { ModuleRequest, ModuleTensor } from '../inference/processing-module.ts';
import type { FromModule, ToModule } from './messages.ts';
import { importModule } from './import-module.ts';
import { fromReturned, TensorError, toModuleTensor } from './module-tensors.ts';

/** What `state` may take. */
const maxStateBytes = 1024 * 1024;

/** What `request.refuse` throws. */
class Refusal extends Error {}

/** The module's end of the channel. */
export interface ModuleEnd {
  heldBytes(): number;
  send(message: FromModule): void;
}

type Run = Extract<ToModule, { readonly kind: 'run' }>;

/** Runs a module's hooks, one at a time, as the server asks. */
export class ChildLoop {
  readonly #end: ModuleEnd;
  #module: ReadonlyMap<string, unknown> = new Map();

  constructor(end: ModuleEnd) {
    this.#end = end;
  }

  async take(message: ToModule): Promise<void> {
    try {
      this.#end.send(
        message.kind === 'open' ? await this.#open(message.modulePath) : await this.#run(message),
      );
    } catch (error) {
      const heldBytes = this.#end.heldBytes();
      this.#end.send(
        error instanceof Refusal
          ? { kind: 'refused', text: error.message, heldBytes }
          : { kind: 'failed', text: textOf(error), heldBytes },
      );
    }
  }

  async #open(modulePath: string): Promise<FromModule> {
    this.#module = await importModule(modulePath);
    const hooks = ['preprocess', 'postprocess'].filter(
      (name) => typeof this.#module.get(name) === 'function',
    );
    const declaration = { inputs: this.#module.get('inputs'), outputs: this.#module.get('outputs') };
    return { kind: 'opened', declaration, hooks };
  }

  async #run(message: Run): Promise<FromModule> {
    const hook = this.#module.get(message.hook);
    if (typeof hook !== 'function') throw new TypeError(`the module exports no ${message.hook}`);
    const request = requestOf(message);
    const tensors: Record<string, ModuleTensor> = Object.create(null);
    for (const tensor of message.tensors) tensors[tensor.name] = toModuleTensor(tensor);
    const returned: unknown = await hook(tensors, request);
    if (typeof returned !== 'object' || returned === null) {
      throw new TensorError(`${message.hook} returned no object of tensors`);
    }
    return {
      kind: 'done',
      tensors: Object.entries(returned).map(([name, tensor]) => fromReturned(name, tensor)),
      state: message.hook === 'preprocess' ? stateOf(request) : undefined,
      heldBytes: this.#end.heldBytes(),
    };
  }
}

function requestOf({ model, version, id, parameters, state }: Run): ModuleRequest {
  return {
    model,
    version,
    id,
    parameters: Object.fromEntries(parameters),
    state: state === undefined ? undefined : deserialize(state),
    refuse(text) {
      throw new Refusal(text);
    },
  };
}

function stateOf({ state }: ModuleRequest): Uint8Array | undefined {
  if (state === undefined) return undefined;
  const bytes = serialize(state);
  if (bytes.byteLength > maxStateBytes) {
    throw new RangeError(`the state takes ${bytes.byteLength} bytes, and ${maxStateBytes} are allowed`);
  }
  return bytes;
}

function textOf(error: unknown): string {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return text.slice(0, 4096);
}
