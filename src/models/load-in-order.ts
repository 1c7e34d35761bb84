import { stepCycle } from './ensemble-config.ts';

export interface LoadOrder {
  /** Models that an ensemble runs; none of a model that is no ensemble. */
  stepsOf(model: string): readonly string[];
  /** A step that must be loaded although nobody asked for it. */
  isMissing(step: string): boolean;
  /** Never rejects: a model that cannot be loaded keeps no other from it. */
  load(model: string): Promise<void>;
  /** @param cycle from the model over its steps back to itself. */
  refuse(model: string, cycle: readonly string[]): void;
}

/** Loads each once, all at a time, but steps before the ensembles that run them. */
export async function loadInOrder(wanted: ReadonlySet<string>, order: LoadOrder): Promise<void> {
  const begun = new Map<string, Promise<void>>();
  const load = (model: string): Promise<void> => {
    const earlier = begun.get(model);
    if (earlier !== undefined) return earlier;
    const loading = loadAfterSteps(model);
    begun.set(model, loading);
    return loading;
  };
  const loadAfterSteps = async (model: string): Promise<void> => {
    const cycle = stepCycle(model, (name) => order.stepsOf(name));
    if (cycle !== undefined) {
      order.refuse(model, cycle);
      return;
    }
    const needed = order.stepsOf(model).filter((step) => wanted.has(step) || order.isMissing(step));
    await Promise.all(needed.map(load));
    await order.load(model);
  };
  await Promise.all(Array.from(wanted, load));
}
