import type { Logger } from '../../inference/logger.ts';
import type { Clock } from '../../util/clock.ts';
import type { PredictionLogPlan } from './plan.ts';
import { PredictionLog } from './prediction-log.ts';
import { Pseudonyms, readKey } from './pseudonyms.ts';
import { readPlan } from './read-plan.ts';
import type { PredictionSink } from './sink.ts';
import { SinkQueue } from './sink-queue.ts';

export interface PredictionLogParts {
  /** Path of the plan. */
  readonly file: string;
  /** `main`, or `io-` and its number. */
  readonly thread: string;
  /** Stands for the key file of a plan that names none; the same in all threads of a process. */
  readonly key: Uint8Array;
  readonly version: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Reads the plan and opens what it writes to.
 *
 * @throws ServingError failed_precondition; nothing is left open then.
 */
export async function openPredictionLog(parts: PredictionLogParts): Promise<PredictionLog> {
  const { clock, logger } = parts;
  const plan = readPlan(parts.file);
  const key = plan.keyFile === undefined ? parts.key : readKey(plan.keyFile);
  await using undo = new AsyncDisposableStack();
  const sinks: PredictionSink[] = [];
  for (const open of sinksOf(plan, parts)) {
    const sink = await open();
    undo.defer(() => sink.close());
    sinks.push(sink);
  }
  undo.move();
  return new PredictionLog({
    plan,
    pseudonyms: new Pseudonyms(key, plan.saltRotationMs),
    sinks: sinks.map((sink) => new SinkQueue({ sink, clock, logger })),
    clock,
    logger,
    random: Math.random,
    nextTurn: () => new Promise((resolve) => void setImmediate(resolve)),
  });
}

/** Packages that a plan does not need are not even loaded. */
function sinksOf(
  { jsonl, redis, otlp }: PredictionLogPlan,
  { clock, thread, version }: PredictionLogParts,
): readonly (() => Promise<PredictionSink>)[] {
  return [
    ...(jsonl === undefined
      ? []
      : [async () => (await import('./jsonl-sink.ts')).openJsonlSink({ plan: jsonl, clock, thread })]),
    ...(redis === undefined
      ? []
      : [async () => (await import('./redis-sink.ts')).openRedisSink(redis, clock)]),
    ...(otlp ? [async () => (await import('./otlp-sink.ts')).openOtlpSink(version)] : []),
  ];
}
