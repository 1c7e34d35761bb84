import { existsSync, readFileSync } from 'node:fs';
import { ServingError } from '../errors.ts';
import type { Logger } from '../inference/logger.ts';
import type { RolloutAdmin } from '../inference/rollout-admin.ts';
import type { VersionTries } from './mlflow-origin.ts';
import type { VersionChange } from './origin.ts';
import { sourceMisconfigured } from './refusals.ts';

export interface VersionChangesOptions {
  /** A strategy, or a file; undefined: none is ever asked about. */
  readonly rollout: string | undefined;
  readonly ready: (model: string, version: string) => boolean;
  readonly rollouts: () => Pick<RolloutAdmin, 'reports' | 'start' | 'change'>;
  readonly logger: Logger;
}

const strategies: ReadonlySet<string> = new Set(['canary', 'blue-green', 'shadow', 'ab']);
const itself = 'model registry';
const under: ReadonlySet<string> = new Set(['waiting', 'running', 'paused']);

/** Has a rollout begin before a new version is there to serve anybody. */
export class VersionChanges implements VersionTries {
  readonly #options: VersionChangesOptions;
  #hasStarted = false;
  #said = '';

  /** @throws ServingError SOURCE_CONFIGURATION when there is no such strategy or file. */
  constructor(options: VersionChangesOptions) {
    this.#options = options;
    const { rollout } = options;
    if (rollout !== undefined && !strategies.has(rollout) && !existsSync(rollout)) {
      throw sourceMisconfigured('--source-rollout is neither canary, blue-green, shadow or ab nor a file');
    }
  }

  /** Models are loaded from now on; what changed while the server was away begins at the next look. */
  started(): void {
    this.#hasStarted = true;
  }

  serving(model: string): string | undefined {
    const report = this.#options
      .rollouts()
      .reports()
      .find((each) => each.model === model);
    if (report === undefined || under.has(report.phase)) return undefined;
    return report.phase === 'promoted' ? report.candidate_version : report.stable_version;
  }

  /** @returns false while the version has to wait: for the end of another rollout, or until somebody repairs the plan. */
  async approve({ model, stable, candidate }: VersionChange): Promise<boolean> {
    const { ready, rollouts, logger } = this.#options;
    if (!this.#hasStarted) return false;
    // There is nothing to compare with, and nobody to be kept from harm.
    if (!ready(model, stable)) return true;
    const running = rollouts()
      .reports()
      .find((report) => report.model === model && under.has(report.phase));
    if (running !== undefined) {
      // It began when this was asked before, and something failed after that.
      if (running.candidate_version === candidate && running.stable_version === stable) return true;
      // The registry went back to what it named before.
      if (running.candidate_version === stable && running.stable_version === candidate) {
        await rollouts().change(model, 'abort', {
          who: itself,
          why: `the registry names version ${candidate} again`,
        });
        return true;
      }
      return this.#wait({ model, candidate }, `the rollout ${running.name} is under way`);
    }
    try {
      const plan = this.#plan({ model, stable, candidate });
      await rollouts().start(plan, {
        who: itself,
        why: `version ${candidate} took the place of ${stable} there`,
      });
      logger.info({ model, stable, candidate }, 'a rollout of the new version begins');
      return true;
    } catch (error) {
      return this.#wait({ model, candidate }, ServingError.from(error).message);
    }
  }

  #plan({ model, stable, candidate }: VersionChange): string {
    const { rollout = '' } = this.#options;
    const rest = strategies.has(rollout) ? `strategy: ${rollout}\n` : readFileSync(rollout, 'utf8');
    return `model: ${JSON.stringify(model)}\nstable: ${stable}\ncandidate: ${candidate}\n${rest}`;
  }

  /** Said once for each reason. */
  #wait(which: Pick<VersionChange, 'model' | 'candidate'>, problem: string): false {
    const text = JSON.stringify([which, problem]);
    if (text !== this.#said) this.#options.logger.warn({ ...which, problem }, 'a new version waits');
    this.#said = text;
    return false;
  }
}
