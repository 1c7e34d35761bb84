import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { ServingError } from '../../errors.ts';
import type { ModelPlan, PredictionLogPlan, Rule } from './plan.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

const name = z.string().min(1).max(256);
const kept = z.int().min(0).max(64).default(0);

const rule = z.union(
  [
    z.enum(['keep', 'drop', 'hash', 'mask']),
    z.strictObject({ bucket: z.number().positive() }),
    z.strictObject({ bucket: z.array(z.number()).min(1).max(256).refine(ascends, 'bounds must ascend') }),
    z.strictObject({ mask: z.strictObject({ keepFirst: kept, keepLast: kept }) }),
  ],
  'must be keep, drop, hash, mask, bucket with a width or ascending bounds, or mask with keepFirst and keepLast',
);

const subject = z.union(
  [z.strictObject({ feature: name }), z.strictObject({ parameter: name })],
  'must be feature: <name> or parameter: <name>',
);

const model = z.strictObject({
  sample: z.number().positive().max(1).default(1),
  requestId: z.enum(['keep', 'hash', 'drop']).default('keep'),
  inputHash: z.boolean().default(false),
  features: z.record(name, rule).default({}),
  subject: subject.optional(),
  maxRows: z.int().min(1).max(1024).default(32),
});

const retentionDays = z.number().positive().max(3650).default(30);

const file = z
  .strictObject({
    jsonl: z
      .strictObject({
        directory: z.string().min(1),
        rotateMebibytes: z.number().min(0.01).max(65_536).default(64),
        rotateMinutes: z.number().min(1).max(10_080).default(60),
        retentionDays,
        maxTotalMebibytes: z.number().min(1).max(1e9).default(1024),
      })
      .optional(),
    redis: z
      .strictObject({
        url: z.string().regex(/^rediss?:\/\/[^\s]+$/, 'must begin with redis:// or rediss://'),
        passwordFile: z.string().min(1).optional(),
        stream: name.default('tensorgate:predictions'),
        maxEntries: z.int().min(1).max(1e9).default(1_000_000),
        retentionDays,
      })
      .optional(),
    otlp: z.boolean().default(false),
    keyFile: z.string().min(1).optional(),
    saltRotationHours: z.number().min(1).max(8760).default(24),
    models: z.record(name, model),
  })
  .refine(
    ({ jsonl, redis, otlp }) => jsonl !== undefined || redis !== undefined || otlp,
    'needs somewhere to write to: jsonl, redis or otlp',
  )
  .refine(
    ({ keyFile, models }) =>
      keyFile !== undefined || Object.values(models).every((plan) => plan.subject === undefined),
    'a subject needs keyFile: pseudonyms must be the same after a restart',
  );

function ascends(bounds: readonly number[]): boolean {
  return bounds.every((bound, index) => index === 0 || bound > (bounds[index - 1] ?? bound));
}

/**
 * Reads and checks the file of `--prediction-log`. Paths in it are relative to its folder.
 *
 * @throws ServingError failed_precondition that names everything that is wrong.
 */
export function readPlan(path: string): PredictionLogPlan {
  const refuse = (problem: string, cause?: unknown): ServingError =>
    new ServingError('failed_precondition', `prediction log ${path}: ${problem}`, { cause });
  let content: unknown;
  try {
    content = parse(readFileSync(path, 'utf8'), { prettyErrors: false });
  } catch (error) {
    throw refuse(error instanceof Error ? error.message : 'cannot be read', error);
  }
  const checked = file.safeParse(content);
  if (!checked.success) {
    throw refuse(
      checked.error.issues
        .map((issue) => [issue.path.join('.'), issue.message].filter((part) => part !== '').join(': '))
        .join('; '),
    );
  }
  return planOf(checked.data, dirname(resolve(path)));
}

function planOf({ jsonl, redis, ...given }: z.output<typeof file>, folder: string): PredictionLogPlan {
  const near = (path: string | undefined): string | undefined => path && resolve(folder, path);
  return {
    models: new Map(Object.entries(given.models).map(([model, plan]) => [model, modelPlanOf(plan)])),
    jsonl: jsonl && {
      directory: resolve(folder, jsonl.directory),
      rotateBytes: Math.round(jsonl.rotateMebibytes * 1024 * 1024),
      // Files are removed as a whole, before their first record is too old.
      rotateMs: Math.min(jsonl.rotateMinutes * minuteMs, (jsonl.retentionDays * dayMs) / 2),
      retentionMs: jsonl.retentionDays * dayMs,
      maxTotalBytes: Math.round(jsonl.maxTotalMebibytes * 1024 * 1024),
    },
    redis: redis && {
      url: redis.url,
      passwordFile: near(redis.passwordFile),
      stream: redis.stream,
      maxEntries: redis.maxEntries,
      retentionMs: redis.retentionDays * dayMs,
    },
    otlp: given.otlp,
    keyFile: near(given.keyFile),
    saltRotationMs: given.saltRotationHours * hourMs,
  };
}

function modelPlanOf({ subject: place, features, ...plan }: z.output<typeof model>): ModelPlan {
  return {
    ...plan,
    features: new Map(Object.entries(features).map(([feature, given]) => [feature, ruleOf(given)])),
    subject:
      place &&
      ('feature' in place
        ? { from: 'feature', name: place.feature }
        : { from: 'parameter', name: place.parameter }),
  };
}

function ruleOf(given: z.output<typeof rule>): Rule {
  if (given === 'mask') return { kind: 'mask', keepFirst: 0, keepLast: 0 };
  if (typeof given === 'string') return { kind: given };
  if ('mask' in given) return { kind: 'mask', ...given.mask };
  const { bucket } = given;
  return typeof bucket === 'number' ? { kind: 'width', width: bucket } : { kind: 'bounds', bounds: bucket };
}
