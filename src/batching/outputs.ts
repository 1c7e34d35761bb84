import type { ModelSpec } from '../inference/model-spec.ts';
import type { InferRequest } from '../inference/request.ts';

/** Wanted outputs as bits of a small integer; a model with more always computes all of them. */
const maskableOutputs = 30;

/** All outputs of the model, in its order. */
export const allOutputs = -1;

/**
 * Which outputs of a model somebody wants. Requests that want different ones share a batch, which computes the union;
 * lists of names are made once per combination.
 */
export class OutputSets {
  readonly #all: readonly string[];
  readonly #bits = new Map<string, number>();
  readonly #names = new Map<number, readonly string[]>();

  constructor(spec: ModelSpec) {
    this.#all = spec.outputs.map((output) => output.name);
    if (this.#all.length > maskableOutputs) return;
    for (const [index, name] of this.#all.entries()) this.#bits.set(name, 1 << index);
  }

  maskOf(request: InferRequest): number {
    const { outputs } = request;
    if (outputs.length === 0 || this.#bits.size === 0) return allOutputs;
    let mask = 0;
    for (const output of outputs) mask |= this.#bits.get(output.name) ?? 0;
    return mask === (1 << this.#all.length) - 1 ? allOutputs : mask;
  }

  /** In the model's order. */
  namesOf(mask: number): readonly string[] {
    if (mask === allOutputs) return this.#all;
    let names = this.#names.get(mask);
    if (names === undefined) {
      names = this.#all.filter((name) => (mask & (this.#bits.get(name) ?? 0)) !== 0);
      // As many as there are sets: bounded here, since clients choose them.
      if (this.#names.size >= 64) this.#names.clear();
      this.#names.set(mask, names);
    }
    return names;
  }
}
