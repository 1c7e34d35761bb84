import type { OpenedModel, OpenModel, SessionMetadata, SessionPlan } from '../../src/inference/executor.ts';
import { PuppetExecutor } from './puppet-executor.ts';

/** Rows of two floats in, rows of two floats out. */
export const rowsMetadata: SessionMetadata = {
  inputs: [{ name: 'x', datatype: 'FP32', shape: ['n', 2] }],
  outputs: [{ name: 'y', datatype: 'FP32', shape: ['n', 2] }],
};

export interface PuppetModel extends OpenedModel {
  readonly plan: SessionPlan;
  readonly executors: readonly PuppetExecutor[];
  closed: boolean;
}

/** Opens models that exist only in the test: what it opened, when, and whether it was closed. */
export class PuppetOpener {
  readonly models: PuppetModel[] = [];
  metadata: SessionMetadata = rowsMetadata;
  /** Called before each opening; may wait, or throw. */
  before: (plan: SessionPlan) => Promise<void> | void = () => undefined;
  /** Opened at once, most. */
  mostAtOnce = 0;
  #opening = 0;

  get closed(): readonly boolean[] {
    return this.models.map(({ closed }) => closed);
  }

  readonly open: OpenModel = async (plan) => {
    this.#opening++;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#opening);
    try {
      await this.before(plan);
    } finally {
      this.#opening--;
    }
    const model: PuppetModel = {
      plan,
      metadata: this.metadata,
      executors: plan.instances.map(() => new PuppetExecutor({ inline: true })),
      closed: false,
      async [Symbol.asyncDispose]() {
        model.closed = true;
      },
    };
    this.models.push(model);
    return model;
  };
}
