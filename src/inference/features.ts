import type { MonitoringPlan } from './monitoring.ts';
import type { Datatype } from './datatype.ts';

/** What the value of a feature is. */
export const featureTypes = ['number', 'integer', 'boolean', 'text'] as const;

export type FeatureType = (typeof featureTypes)[number];

/** What is taken of what is no finite number: nothing, NaN (which null stands for too), or infinities as well. */
export const nonFinitePolicies = ['refuse', 'nan', 'allow'] as const;

export type NonFinitePolicy = (typeof nonFinitePolicies)[number];

export type FeatureValue = number | bigint | boolean | string;

/** One value that a prediction is made from, as whoever offers the model describes it. */
export interface Feature {
  readonly name: string;
  /** '' for none. */
  readonly description: string;
  readonly type: FeatureType;
  /** The input of the model that it is an element of, behind the features before it in the list. */
  readonly input: string;
  readonly min: number | undefined;
  readonly max: number | undefined;
  /** All that it may be; empty for no such list. */
  readonly values: readonly (number | string)[];
  /** Stands for a value that is not sent. */
  readonly default: FeatureValue | undefined;
  readonly nonFinite: NonFinitePolicy;
}

/** Outputs by what they hold; '' where it is not said. */
export interface PredictionOutputs {
  readonly prediction: string;
  /** A probability for each class. */
  readonly probabilities: string;
  /** What becomes probabilities by softmax. */
  readonly logits: string;
}

/** What the file beside a model says about its use. */
export interface ModelFeatures {
  /** '' for none. */
  readonly description: string;
  /** Empty when it does not list them; otherwise they fill the inputs. */
  readonly features: readonly Feature[];
  /** For features that are not listed. */
  readonly nonFinite: NonFinitePolicy;
  readonly outputs: PredictionOutputs;
  /** Class names by index; empty when it names none. */
  readonly classes: readonly string[];
  /** Where it comes from; left out where the file does not say. */
  readonly card?: ModelCard | undefined;
  /** What is watched of its answers; nothing where it is left out. */
  readonly monitoring?: MonitoringPlan | undefined;
}

/** Where a model comes from and how good it was when it was made, by its maker's word. */
export interface ModelCard {
  readonly version?: string | undefined;
  /** ISO 8601. */
  readonly trained?: string | undefined;
  readonly framework?: string | undefined;
  readonly licence?: string | undefined;
  readonly authors?: readonly string[] | undefined;
  /** Hex sha256 of each version's model.onnx, by version; checked when the version is loaded. */
  readonly sha256?: Readonly<Record<string, string>> | undefined;
  readonly metrics?: Readonly<Record<string, number>> | undefined;
}

/** What values of a datatype are in JSON. */
export const featureTypeOf = {
  BOOL: 'boolean',
  UINT8: 'integer',
  UINT16: 'integer',
  UINT32: 'integer',
  UINT64: 'integer',
  INT8: 'integer',
  INT16: 'integer',
  INT32: 'integer',
  INT64: 'integer',
  FP16: 'number',
  BF16: 'number',
  FP32: 'number',
  FP64: 'number',
  BYTES: 'text',
} as const satisfies Record<Datatype, FeatureType>;

/** Why the value cannot be the feature's, as the end of a sentence that begins with its name; '' when it can. */
export function featureProblem(feature: Feature, value: unknown): string {
  const problem = typeProblem(feature, value);
  if (problem !== '') return problem;
  const { values, min, max } = feature;
  if (values.length > 0 && !values.some((allowed) => allowed === value)) {
    return `must be one of ${values.map((allowed) => JSON.stringify(allowed)).join(', ')}`;
  }
  if (typeof value !== 'number' && typeof value !== 'bigint') return '';
  if (min !== undefined && value < min) return `must be at least ${min}, is ${value}`;
  return max !== undefined && value > max ? `must be at most ${max}, is ${value}` : '';
}

function typeProblem(feature: Feature, value: unknown): string {
  const { type } = feature;
  if (type === 'number') return numberProblem(feature, value);
  if (type === 'text') return typeof value === 'string' ? '' : 'must be a text';
  if (type === 'integer') {
    return Number.isInteger(value) || typeof value === 'bigint' ? '' : 'must be a whole number';
  }
  return typeof value === 'boolean' || value === 0 || value === 1 ? '' : 'must be true or false';
}

function numberProblem({ nonFinite }: Feature, value: unknown): string {
  if (typeof value === 'bigint') return '';
  if (typeof value !== 'number') return 'must be a number';
  if (Number.isNaN(value)) return nonFinite === 'refuse' ? 'must not be NaN' : '';
  return Number.isFinite(value) || nonFinite === 'allow' ? '' : 'must be finite';
}

const integerBounds = {
  UINT8: [0, 0xff],
  UINT16: [0, 0xffff],
  UINT32: [0, 0xffff_ffff],
  UINT64: [0, 2n ** 64n - 1n],
  INT8: [-0x80, 0x7f],
  INT16: [-0x8000, 0x7fff],
  INT32: [-0x8000_0000, 0x7fff_ffff],
  INT64: [-(2n ** 63n), 2n ** 63n - 1n],
} as const satisfies Partial<Record<Datatype, readonly [number | bigint, number | bigint]>>;

/** The largest finite values. */
const floatBounds = {
  FP16: 65_504,
  BF16: (2 - 2 ** -7) * 2 ** 127,
  FP32: (2 - 2 ** -23) * 2 ** 127,
  FP64: Number.MAX_VALUE,
} as const satisfies Partial<Record<Datatype, number>>;

/** As `featureProblem`, for the room that the model's input has for the value. */
export function rangeProblem(datatype: Datatype, value: FeatureValue): string {
  if (typeof value !== 'number' && typeof value !== 'bigint') return '';
  if (datatype === 'BOOL') return value === 0 || value === 1 ? '' : 'must be 0 or 1';
  if (datatype === 'BYTES') return 'must be a text';
  if (isFloat(datatype)) {
    return isFiniteAbove(value, floatBounds[datatype]) ? `is out of range for ${datatype}` : '';
  }
  const [min, max] = integerBounds[datatype];
  return value < min || value > max ? `is out of range for ${datatype}` : '';
}

/** Least and largest number that an input has room for; undefined for all there are. */
export function numberBounds(datatype: Datatype): readonly [number | bigint, number | bigint] | undefined {
  if (datatype === 'BOOL' || datatype === 'BYTES' || datatype === 'FP64') return undefined;
  return isFloat(datatype) ? [-floatBounds[datatype], floatBounds[datatype]] : integerBounds[datatype];
}

function isFloat(datatype: Datatype): datatype is keyof typeof floatBounds {
  return Object.hasOwn(floatBounds, datatype);
}

function isFiniteAbove(value: number | bigint, bound: number): boolean {
  const size = Math.abs(Number(value));
  return size > bound && (typeof value === 'bigint' || Number.isFinite(value));
}
