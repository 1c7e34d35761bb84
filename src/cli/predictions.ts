import { readFileSync } from 'node:fs';
import { ServingError } from '../errors.ts';
import { eraseFromFiles, eraseFromStream } from '../observability/predictions/erase.ts';
import { pruneFiles } from '../observability/predictions/jsonl-files.ts';
import type { PredictionLogPlan, RedisPlan } from '../observability/predictions/plan.ts';
import { readKey, subjectPseudonym } from '../observability/predictions/pseudonyms.ts';
import { readPlan } from '../observability/predictions/read-plan.ts';
import { openRedis, trim } from '../observability/predictions/redis-sink.ts';
import { flushMs } from '../observability/predictions/sink-queue.ts';
import { systemClock } from '../util/clock.ts';
import {
  chooseAction,
  exitCodes,
  flagText,
  flagTexts,
  parseCommand,
  usageError,
  type Command,
  type ExitCode,
  type FlagValues,
  type Terminal,
} from './command.ts';
import { errorCode } from './server-flags.ts';

const help = `Usage: tensorgate predictions check <file.yaml>
       tensorgate predictions erase <file.yaml> --subject <name> | --subjects <file>
       tensorgate predictions pseudonym <file.yaml> --subject <name> | --subjects <file>
       tensorgate predictions prune <file.yaml>

check      reads the file of --prediction-log and says what it means
erase      removes all records about a person, from files and from the Redis Stream, while servers go on
pseudonym  prints what stands for a person in records, to look for them elsewhere
prune      removes what is older than the file allows, where no server runs that does it

Flags:
  --subject <name>   whom records are about, as requests name them; may be repeated
  --subjects <file>  the same, one on each line; not to be seen in a list of processes

Erasing cannot be undone. What was sent over OTLP is not here to be erased: look for the pseudonym there.
`;

const flags = {
  subject: { type: 'string', multiple: true },
  subjects: { type: 'string' },
} as const;

interface Task {
  readonly plan: PredictionLogPlan;
  readonly values: FlagValues;
  readonly terminal: Terminal;
}

type Action = (task: Task) => Promise<void>;

const actions: Readonly<Record<string, Action>> = { check, erase, pseudonym, prune };

export const predictionsCommand: Command = {
  help: () => help,
  async run(args, terminal): Promise<ExitCode> {
    const { values, positionals } = parseCommand(args, flags, 2);
    const [name = '', file = ''] = positionals;
    const action = chooseAction('predictions', name, actions);
    if (file === '') throw usageError(`which file? tensorgate predictions ${name} <file.yaml>`);
    await action({ plan: readPlan(file), values, terminal });
    return exitCodes.ok;
  },
};

function check({ plan, terminal: { stdout } }: Task): Promise<void> {
  if (plan.keyFile !== undefined) readKey(plan.keyFile);
  const { jsonl, redis, otlp } = plan;
  const sinks = [
    ...(jsonl === undefined ? [] : [`files in ${jsonl.directory}`]),
    ...(redis === undefined ? [] : [`the Redis Stream ${redis.stream}`]),
    ...(otlp ? ['OTLP logs'] : []),
  ];
  stdout.write(`writes to ${sinks.join(', ')}\n`);
  for (const [model, { sample, features, subject }] of plan.models) {
    const rules = Array.from(features, ([feature, { kind }]) => `${feature} (${kind})`);
    const shown = rules.length === 0 ? 'no features' : rules.join(', ');
    const about = subject === undefined ? '' : `; about ${subject.from} ${subject.name}`;
    stdout.write(`${model}: ${sample * 100} % of answers, ${shown}${about}\n`);
  }
  return Promise.resolve();
}

async function erase({ plan, values, terminal }: Task): Promise<void> {
  const subjects = new Set(pseudonymsOf(plan, values).values());
  // What was answered before this command began is written by then.
  await settled();
  if (plan.jsonl !== undefined) {
    const { records, seen } = await eraseFromFiles(plan.jsonl, subjects, settled);
    terminal.stdout.write(`files: ${records} of ${seen} records erased\n`);
  }
  if (plan.redis !== undefined) {
    const { records, seen } = await withRedis(plan.redis, (client, redis) =>
      eraseFromStream(client, redis, subjects),
    );
    terminal.stdout.write(`Redis: ${records} of ${seen} records erased\n`);
  }
  if (plan.otlp) terminal.stdout.write('OTLP: erase them where they were sent; see pseudonym\n');
}

function pseudonym({ plan, values, terminal }: Task): Promise<void> {
  for (const [subject, shown] of pseudonymsOf(plan, values)) {
    terminal.stdout.write(`${shown}  ${JSON.stringify(subject)}\n`);
  }
  return Promise.resolve();
}

async function prune({ plan, terminal }: Task): Promise<void> {
  const now = systemClock.epochMs();
  if (plan.jsonl !== undefined) {
    terminal.stdout.write(`files: ${await pruneFiles(plan.jsonl, now)} removed\n`);
  }
  if (plan.redis !== undefined) {
    const removed = await withRedis(plan.redis, (client, redis) => trim(client, redis, now));
    terminal.stdout.write(`Redis: ${removed} records removed\n`);
  }
}

/** Two rounds of writing of a server. */
function settled(): Promise<void> {
  return new Promise((resolve) => void systemClock.after(2 * flushMs, resolve));
}

/** By name. @throws ServingError with reason USAGE for no names, failed_precondition for a file without a key. */
function pseudonymsOf({ keyFile }: PredictionLogPlan, values: FlagValues): ReadonlyMap<string, string> {
  const listed = flagText(values, 'subjects');
  const subjects = [...flagTexts(values, 'subject'), ...(listed === undefined ? [] : readLines(listed))];
  if (subjects.length === 0) throw usageError('whom? --subject <name> or --subjects <file>');
  if (keyFile === undefined)
    throw new ServingError('failed_precondition', 'the file names no keyFile, so no record has a subject');
  const key = readKey(keyFile);
  return new Map(subjects.map((subject) => [subject, subjectPseudonym(key, subject)]));
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8')
      .split(/\r?\n/)
      .filter((line) => line !== '');
  } catch (error) {
    throw usageError(`--subjects: cannot read ${path}${errorCode(error)}`);
  }
}

type RedisClient = Awaited<ReturnType<typeof openRedis>>;

/** @throws ServingError with reason UNREACHABLE when Redis does not answer. */
async function withRedis<T>(
  plan: RedisPlan,
  use: (client: RedisClient, plan: RedisPlan) => Promise<T>,
): Promise<T> {
  const client = await openRedis(plan, { waiting: true });
  try {
    return await use(client, plan);
  } catch (cause) {
    throw new ServingError('unavailable', 'Redis does not answer as it should', {
      reason: 'UNREACHABLE',
      cause,
    });
  } finally {
    client.disconnect();
  }
}
