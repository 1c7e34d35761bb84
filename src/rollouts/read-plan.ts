import { parse } from 'yaml';
import { z } from 'zod';
import { ServingError } from '../errors.ts';
import { wholeWeight, type Agreement, type StickyKey } from '../inference/traffic-split.ts';
import { printable } from '../util/printable.ts';
import { guardName, strategies, type GuardPlan, type RolloutPlan, type RolloutStep } from './plan.ts';

const percent = z.number().min(0).max(100);
const part = z.number().min(0).max(1);
const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'must be a short word of letters, digits, . _ -');
const version = z.union([z.int().min(0), z.string().regex(/^\d{1,18}$/)]).transform(String);
const minutes = z
  .number()
  .min(0)
  .max(60 * 24 * 365);
const samples = z.int().min(0).max(1e9);

const agreement = z.union([
  z.enum(['exact', 'top1']).transform((kind): Agreement => ({ kind })),
  z
    .strictObject({ absolute: z.number().min(0).default(0), relative: z.number().min(0).default(0) })
    .transform((bounds): Agreement => ({ kind: 'tolerance', ...bounds })),
  z
    .strictObject({ rank: z.int().min(1).max(1000) })
    .transform(({ rank }): Agreement => ({ kind: 'rank', count: rank })),
]);

const stickyKey = z
  .string()
  .regex(
    /^(header:[a-z0-9_.-]{1,128}|parameter:.{1,128}|principal)$/,
    'must be header:<name in lower case>, parameter:<name> or principal',
  )
  .transform((text): StickyKey => {
    if (text === 'principal') return { kind: 'principal' };
    const [kind = '', ...rest] = text.split(':');
    return { kind: kind === 'header' ? 'header' : 'parameter', name: rest.join(':') };
  });

const margin = (initial: number) =>
  z.union([z.literal(false), z.strictObject({ margin: part.default(initial) })]).prefault({});

const guards = z
  .strictObject({
    errors: margin(0.002),
    invalid: z
      .union([
        z.literal(false),
        z.strictObject({
          margin: part.default(0.001),
          ranges: z.record(z.string().max(256), z.tuple([z.number(), z.number()])).default({}),
        }),
      ])
      .prefault({}),
    latency: z
      .union([
        z.literal(false),
        z.strictObject({
          p50: z.union([part, z.literal(false)]).default(0.1),
          p95: z.union([part, z.literal(false)]).default(0.02),
          p99: z.union([part, z.literal(false)]).default(0.005),
        }),
      ])
      .prefault({}),
    disagreement: margin(0.01),
    metric: z
      .strictObject({
        name,
        better: z.enum(['higher', 'lower']).default('higher'),
        margin: part.default(0),
      })
      .optional(),
  })
  .prefault({});

const step = z.union([
  percent.transform((value) => ({ percent: value, minutes: undefined, samples: undefined })),
  z.strictObject({ percent, minutes: minutes.optional(), samples: samples.optional() }),
]);

const document = z.strictObject({
  name: name.optional(),
  model: z.string().min(1).max(256),
  strategy: z.enum(strategies).default('canary'),
  stable: version,
  candidate: version,
  labels: z.strictObject({ stable: name, candidate: name }).optional(),
  key: z.array(stickyKey).max(8).default([]),
  salt: z.string().min(1).max(256).optional(),
  steps: z.array(step).min(1).max(50).optional(),
  /** Of each step that does not say otherwise. */
  minutes: minutes.optional(),
  samples: samples.optional(),
  percent: percent.optional(),
  keepMinutes: minutes.default(30),
  alpha: z.number().gt(0).max(0.5).default(0.05),
  guards,
  compare: agreement.default({ kind: 'tolerance', absolute: 1e-5, relative: 1e-3 }),
  compareOutputs: z.record(z.string().max(256), agreement).default({}),
});

type Read = z.output<typeof document>;

/** @throws ServingError invalid_argument that names the field. */
export function readPlan(raw: unknown): RolloutPlan {
  const checked = document.safeParse(raw);
  if (!checked.success) {
    const problems = checked.error.issues
      .slice(0, 5)
      .map(({ path, message }) => (path.length === 0 ? message : `${path.join('.')}: ${message}`));
    throw wrongPlan(printable(problems.join('; '), 600));
  }
  const read = checked.data;
  if (read.stable === read.candidate) throw wrongPlan('stable and candidate are the same version');
  const labels = read.labels ?? usualLabels[read.strategy];
  if (labels.stable === labels.candidate) throw wrongPlan('labels.stable and labels.candidate are the same');
  const chosen = guardsOf(read);
  const planName = read.name ?? `${read.model}-${read.stable}-to-${read.candidate}`.slice(0, 64);
  return {
    name: planName,
    model: read.model,
    strategy: read.strategy,
    stable: read.stable,
    candidate: read.candidate,
    labels,
    stickyKeys: read.key,
    salt: read.salt ?? planName,
    steps: stepsOf(read),
    alpha: read.alpha,
    guards: chosen,
    ranges:
      read.guards.invalid === false
        ? []
        : Object.entries(read.guards.invalid.ranges).map(([output, [min, max]]) => ({ output, min, max })),
    shadow:
      read.strategy === 'shadow'
        ? { weight: weightOf(read.percent ?? 100), agreement: read.compare, outputs: read.compareOutputs }
        : undefined,
    document: raw,
  };
}

/** Longer texts are no plans. */
const mostCharacters = 64 * 1024;

/** @param text YAML or JSON. @throws ServingError invalid_argument */
export function readPlanText(text: string): RolloutPlan {
  if (text.length > mostCharacters) throw wrongPlan('the plan is too long');
  let content: unknown;
  try {
    content = parse(text, { prettyErrors: false, maxAliasCount: 0 });
  } catch {
    throw wrongPlan('the plan is not valid YAML');
  }
  return readPlan(content);
}

const usualLabels = {
  canary: { stable: 'stable', candidate: 'canary' },
  'blue-green': { stable: 'blue', candidate: 'green' },
  shadow: { stable: 'stable', candidate: 'shadow' },
  ab: { stable: 'a', candidate: 'b' },
} as const satisfies Record<Read['strategy'], RolloutPlan['labels']>;

const usualPercents = [1, 5, 25, 50, 100];
const minuteMs = 60_000;

function stepsOf(read: Read): readonly RolloutStep[] {
  const minMs = (read.minutes ?? 5) * minuteMs;
  const minSamples = read.samples ?? 500;
  if (read.strategy === 'canary') {
    const steps = (read.steps ?? usualPercents).map((one): RolloutStep => {
      const given = typeof one === 'number' ? { percent: one, minutes: undefined, samples: undefined } : one;
      const weight = weightOf(given.percent);
      // Of everybody there is nothing left to compare with: the end, unless more is asked for.
      const isAll = weight === wholeWeight;
      return {
        weight,
        minMs: given.minutes === undefined ? (isAll ? 0 : minMs) : given.minutes * minuteMs,
        minSamples: given.samples ?? (isAll ? 0 : minSamples),
      };
    });
    for (const [index, { weight }] of steps.entries()) {
      if (weight <= (steps[index - 1]?.weight ?? 0)) throw wrongPlan('steps must grow, from above 0');
    }
    return steps;
  }
  if (read.steps !== undefined) throw wrongPlan(`a rollout of strategy ${read.strategy} has no steps`);
  if (read.strategy === 'blue-green') {
    return [{ weight: wholeWeight, minMs: read.keepMinutes * minuteMs, minSamples: 0 }];
  }
  if (read.strategy === 'shadow') return [{ weight: 0, minMs, minSamples }];
  return [{ weight: weightOf(read.percent ?? 50), minMs, minSamples: read.samples ?? 10_000 }];
}

function weightOf(value: number): number {
  return Math.round((value * wholeWeight) / 100);
}

function guardsOf({
  strategy,
  guards: { errors, invalid, latency, disagreement, metric },
}: Read): readonly GuardPlan[] {
  const chosen: GuardPlan[] = [];
  if (errors !== false) chosen.push({ kind: 'errors', margin: errors.margin });
  if (invalid !== false) chosen.push({ kind: 'invalid', margin: invalid.margin });
  // Copies wait for each other, and their answers for nobody: how long that takes says little.
  if (latency !== false && strategy !== 'shadow') {
    const quantiles = [
      [0.5, latency.p50],
      [0.95, latency.p95],
      [0.99, latency.p99],
    ] as const;
    for (const [quantile, allowed] of quantiles) {
      if (allowed !== false) chosen.push({ kind: 'latency', quantile, margin: allowed });
    }
  }
  if (disagreement !== false && strategy === 'shadow') {
    chosen.push({ kind: 'disagreement', margin: disagreement.margin });
  }
  if (metric !== undefined) {
    const { name: metricName, better, margin: allowed } = metric;
    chosen.push({ kind: 'metric', metric: metricName, better, margin: allowed });
  }
  if (new Set(chosen.map(guardName)).size !== chosen.length) throw wrongPlan('a guard is there twice');
  return chosen;
}

function wrongPlan(problem: string): ServingError {
  return new ServingError('invalid_argument', `rollout: ${problem}`, { reason: 'ROLLOUT_PLAN' });
}
