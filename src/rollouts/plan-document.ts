import { z } from 'zod';
import type { Agreement, StickyKey } from '../inference/traffic-split.ts';
import { banditPolicies } from '../statistics/bandit-shares.ts';
import { strategies, successMetric } from './plan.ts';

/** Versions that a bandit may try beside the stable one: more could not be told apart. */
const mostCandidates = 15;

const percent = z.number().min(0).max(100);
const part = z.number().min(0).max(1);
const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'must be a short word of letters, digits, . _ -');
const version = z
  .union([z.int().min(0), z.string().regex(/^\d{1,18}$/)])
  .transform((given) => String(given).replace(/^0+(?=\d)/, ''));
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

const better = z.enum(['higher', 'lower']).default('higher');

/** What every object has is no name of a metric: sums are kept by name. */
const anyMetric = name.refine((text) => !(text in {}), 'is a reserved word');

const metricName = anyMetric.refine((text) => text !== successMetric, 'is measured by the server itself');

/** Of a metric's values. */
const range = z
  .tuple([z.number().min(-1e12).max(1e12), z.number().min(-1e12).max(1e12)])
  .refine(([min, max]) => min < max, 'must be [least, greatest]');

const goal = z
  .strictObject({
    metric: anyMetric.default(successMetric),
    better: better.optional(),
    range: range.optional(),
  })
  .optional();

const design = z
  .strictObject({
    baseline: z.number().optional(),
    sd: z.number().gt(0).max(1e12).optional(),
    effect: z.number().gt(0).max(1e12).optional(),
    power: z.number().min(0.5).max(0.999).default(0.8),
    alpha: z.number().min(1e-6).max(0.5).default(0.05),
    looks: z.union([z.int().min(1).max(20), z.literal('always')]).default(5),
  })
  .optional();

const bandit = z
  .strictObject({
    policy: z.enum(banditPolicies).default('thompson'),
    floor: percent.default(5),
    discount: z.number().min(0.5).max(1).default(0.999),
    minutes: minutes.refine((value) => value > 0, 'must be more than 0').default(1),
    epsilon: part.default(0.1),
    end: z
      .strictObject({
        effect: z.number().gt(0).max(1e12),
        confidence: z.number().min(0.5).max(0.999).default(0.95),
        samples: samples.default(1000),
        minutes: minutes.default(60 * 24),
        mostMinutes: minutes.optional(),
      })
      .optional(),
  })
  .optional();

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
        name: metricName,
        better,
        margin: z.number().min(0).max(1e12).default(0),
        range: range.default([0, 1]),
      })
      .optional(),
  })
  .prefault({});

const step = z.union([
  percent.transform((value) => ({ percent: value, minutes: undefined, samples: undefined })),
  z.strictObject({ percent, minutes: minutes.optional(), samples: samples.optional() }),
]);

/** A plan as people write it. */
export const planDocument = z.strictObject({
  name: name.optional(),
  model: z.string().min(1).max(256),
  strategy: z.enum(strategies).default('canary'),
  stable: version,
  candidate: version.optional(),
  candidates: z.array(version).min(1).max(mostCandidates).optional(),
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
  goal,
  design,
  bandit,
  promote: z.boolean().default(false),
});

export type PlanDocument = z.output<typeof planDocument>;
