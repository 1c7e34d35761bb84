import { readFileSync, statSync } from 'node:fs';
import { parse } from 'yaml';
import { ServingError } from '../errors.ts';
import type { Logger } from '../inference/logger.ts';
import type { Clock } from '../util/clock.ts';
import type { RolloutPlan } from './plan.ts';
import { readPlan } from './read-plan.ts';

/** How often the file is looked at. */
const lookEveryMs = 2000;

/** @throws ServingError failed_precondition when the file cannot be read or holds no plans. */
export function readRolloutFile(path: string): readonly RolloutPlan[] {
  let content: unknown;
  try {
    content = parse(readFileSync(path, 'utf8'), { prettyErrors: false, maxAliasCount: 0 });
  } catch (cause) {
    throw wrongFile('cannot be read as YAML', cause);
  }
  if (
    typeof content !== 'object' ||
    content === null ||
    !('rollouts' in content) ||
    !Array.isArray(content.rollouts)
  ) {
    throw wrongFile("must be an object with the list 'rollouts'", undefined);
  }
  const list: readonly unknown[] = content.rollouts;
  const plans = list.map((raw, index) => {
    try {
      return readPlan(raw);
    } catch (cause) {
      throw wrongFile(`rollouts.${index}: ${ServingError.from(cause).message}`, cause);
    }
  });
  if (new Set(plans.map(({ model }) => model)).size !== plans.length) {
    throw wrongFile('has two rollouts of one model', undefined);
  }
  return plans;
}

interface FollowTools {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly declare: (plans: readonly RolloutPlan[]) => Promise<void>;
}

/** Declares the file's plans again whenever it changes; a file that is wrong is logged, and changes nothing. */
export function followRolloutFile(path: string, { clock, logger, declare }: FollowTools): Disposable {
  let stamp = stampOf(path);
  let stopped = false;
  const look = async (): Promise<void> => {
    const now = stampOf(path);
    if (now !== stamp) {
      stamp = now;
      try {
        await declare(readRolloutFile(path));
        logger.info({}, 'the rollouts file was read again');
      } catch (error) {
        logger.error(
          { reason: ServingError.from(error).message },
          'the rollouts file changed and is not taken over',
        );
      }
    }
    if (!stopped) timer = clock.after(lookEveryMs, () => void look());
  };
  let timer = clock.after(lookEveryMs, () => void look());
  return {
    [Symbol.dispose]() {
      stopped = true;
      timer[Symbol.dispose]();
    },
  };
}

function stampOf(path: string): string {
  try {
    const { mtimeMs, size, ino } = statSync(path);
    return `${ino}:${size}:${mtimeMs}`;
  } catch {
    return 'missing';
  }
}

function wrongFile(problem: string, cause: unknown): ServingError {
  return new ServingError('failed_precondition', `the file of --rollouts ${problem}`, {
    reason: 'ROLLOUT_PLAN',
    cause,
  });
}
