import { trace, TraceFlags, type Context } from '@opentelemetry/api';
import type { CallContext } from '../../inference/call-context.ts';

/** How a call's header is read. */
export type ReadHeader = (name: string) => string | undefined;

export interface RootChoice {
  /** The SDK's part of the choice. */
  readonly sampler: ChosenSampler;
  /** Whether a span is to be made for a call. */
  wants(call: Pick<CallContext, 'header' | 'front'>): boolean;
}

export interface RootChoiceOptions {
  /** OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG. */
  readonly sampler: string | undefined;
  readonly argument: string | undefined;
  /** Headers that carry a context. */
  readonly contextHeaders: readonly string[];
  /** In [0, 1). */
  readonly random?: () => number;
}

/**
 * Chooses calls before a span is made: the SDK takes some microseconds for one that its sampler then drops, as long as a small
 * call takes in all. undefined for samplers other than `parentbased_traceidratio` and `traceidratio`: they record every call, or those
 * that their callers record alone, which is left to the SDK.
 */
export function chooseRoots(options: RootChoiceOptions): RootChoice | undefined {
  const { sampler, argument = '1', contextHeaders, random = Math.random } = options;
  const ratio = Number(argument);
  if (!isRatio(sampler) || !(ratio >= 0 && ratio <= 1)) return undefined;
  // gRPC calls with the same headers share them: what was looked through once, at the price of a hundred nanoseconds, is known.
  const plain = new WeakSet<ReadHeader>();
  const carriesContext = (header: ReadHeader): boolean => {
    for (const name of contextHeaders) if (header(name) !== undefined) return true;
    return false;
  };
  return {
    sampler: sampler === 'traceidratio' ? byTraceId(ratio) : chosenSampler,
    wants({ header, front }) {
      if (header !== undefined && !plain.has(header)) {
        if (carriesContext(header)) return true;
        if (front === 'grpc') plain.add(header);
      }
      return random() < ratio;
    },
  };
}

/** As the environment says; a file of OTEL_CONFIG_FILE has a sampler of its own, and then no variable counts. */
export function chooseRootsByEnvironment(contextHeaders: readonly string[]): RootChoice | undefined {
  const { env } = process;
  if ((env['OTEL_CONFIG_FILE'] ?? '') !== '') return undefined;
  return chooseRoots({
    sampler: env['OTEL_TRACES_SAMPLER'],
    argument: env['OTEL_TRACES_SAMPLER_ARG'],
    contextHeaders,
  });
}

/** OpenTelemetry's SamplingDecision: not recorded, or recorded and sampled. */
const [drop, sample] = [0, 2] as const;

function isRatio(sampler: string | undefined): boolean {
  return sampler === 'parentbased_traceidratio' || sampler === 'traceidratio';
}

/** As the SDK asks. */
export interface ChosenSampler {
  shouldSample(context: Context, traceId: string): { decision: typeof drop | typeof sample };
  toString(): string;
}

/** The random part of a trace's id, 56 bits of it. */
const idDigits = 14;

/** What callers have chosen does not count: of their traces those are recorded whose ids are low, and so are by all servers with that ratio. */
function byTraceId(ratio: number): ChosenSampler {
  const limit = ratio * 16 ** idDigits;
  return {
    shouldSample(context, traceId) {
      const isRemote = trace.getSpanContext(context)?.isRemote === true;
      if (!isRemote) return chosenSampler.shouldSample(context, traceId);
      return { decision: Number.parseInt(traceId.slice(-idDigits), 16) < limit ? sample : drop };
    },
    toString: () => `TraceIdRatio{${ratio}}`,
  };
}

/** The SDK's sampler beside a choice: of what comes without a context only chosen calls come, others follow their parent. */
export const chosenSampler: ChosenSampler = {
  shouldSample(context: Context) {
    const parent = trace.getSpanContext(context);
    const follows = parent === undefined || (parent.traceFlags & TraceFlags.SAMPLED) !== 0;
    return { decision: follows ? sample : drop };
  },
  toString: (): string => 'ChosenRoots',
};
