import { readFileSync } from 'node:fs';
import { createRolloutClient, type RolloutClient } from '../client/rollout-client.ts';
import type { CallOptions } from '../client/types.ts';
import { hint } from '../config/suggest.ts';
import { rolloutActions } from '../inference/rollout-admin.ts';
import {
  exitCodes,
  flagText,
  parseCommand,
  usageError,
  type Command,
  type ExitCode,
  type FlagValues,
  type Terminal,
} from './command.ts';
import { withConnection } from './connect.ts';
import { adminPlace, errorCode, serverFlags, serverFlagsHelp } from './server-flags.ts';
import { describeDesign } from './rollout-design.ts';
import { readValues } from './rollout-values.ts';
import { historyOf, listOf, statusOf } from './show-rollout.ts';
import { printable } from './table.ts';

const help = `Usage: tensorgate rollout start <plan.yaml> [--why <text>]
       tensorgate rollout list [--json]
       tensorgate rollout status <model> [--json]
       tensorgate rollout history <model> [--json]
       tensorgate rollout pause|resume|promote|abort|forget <model> [--why <text>]
       tensorgate rollout report <model> --metric <name> --id <id>|--user <key> --value <number> [--principal <name>]
       tensorgate rollout report <model> --metric <name> --file <values.csv> [--principal <name>]
       tensorgate rollout design --effect <difference> --baseline <rate>|--sd <number> [--power <part>] [--alpha <part>]
                                 [--looks <n>|always] [--percent <n>] [--per-day <requests>]

start    brings a new version of a model to its users as the plan says; docs/rollouts.md explains plans
status   where it is, what its guards have found, and what to do
history  who did what, when and why
pause    holds the next step back; guards go on, and a harmful version is still rolled back
resume   goes on
promote  the candidate serves everybody at once, whatever its guards say
abort    the stable version serves everybody at once; also after a promotion, while it is loaded
forget   of a rollout that is over: the newest version of the model serves again
report   tells what answers were worth, by the ids of their requests or by users: what guards, A/B tests and bandits ask for
design   how many requests an A/B test needs to find a difference; asks no server

Flags:
  --metric <name>     as the plan names it
  --id <id>           of a request
  --user <key>        instead: the key by which the rollout divides users
  --value <number>    what it was worth
  --file <file>       CSV with the columns id or user, and value
  --principal <name>  whose requests they were, where they were not yours
  --effect <number>   the smallest difference that is worth finding
  --baseline <rate>   of now, of what is 0 or 1; --sd <number> is the standard deviation of anything else
  --power <part>      the probability of finding it; 0.8 by default
  --alpha <part>      the probability of finding what is not there; 0.05 by default
  --looks <n>         planned looks, 5 by default; always looks at any time
  --percent <n>       of the requests, that the candidate has; 50 by default
  --per-day <n>       requests of both versions together, to tell how long it takes

${serverFlagsHelp(adminPlace)}`;

const flags = {
  ...serverFlags,
  why: { type: 'string' },
  json: { type: 'boolean' },
  metric: { type: 'string' },
  id: { type: 'string' },
  user: { type: 'string' },
  value: { type: 'string' },
  file: { type: 'string' },
  principal: { type: 'string' },
  effect: { type: 'string' },
  baseline: { type: 'string' },
  sd: { type: 'string' },
  power: { type: 'string' },
  alpha: { type: 'string' },
  looks: { type: 'string' },
  percent: { type: 'string' },
  'per-day': { type: 'string' },
} as const;

const names = ['start', 'list', 'status', 'history', 'report', 'design', ...rolloutActions] as const;

interface Task {
  readonly client: RolloutClient;
  readonly call: CallOptions;
  readonly argument: string;
  readonly why: string;
  readonly json: boolean;
  readonly values: FlagValues;
  readonly terminal: Terminal;
}

export const rolloutCommand: Command = {
  help: () => help,
  async run(args, terminal): Promise<ExitCode> {
    const { values, positionals } = parseCommand(args, flags, 2);
    const [asked = '', argument = ''] = positionals;
    const name = names.find((known) => known === asked);
    if (name === undefined)
      throw usageError(`rollout needs one of ${names.join(', ')}${hint(asked, [...names])}`);
    if (name === 'design') {
      terminal.stdout.write(describeDesign(values));
      return exitCodes.ok;
    }
    if (name !== 'list' && argument === '') {
      const missing =
        name === 'start'
          ? 'plan? tensorgate rollout start <plan.yaml>'
          : `model? tensorgate rollout ${name} <model>`;
      throw usageError(`which ${missing}`);
    }
    const why = flagText(values, 'why') ?? '';
    const json = values['json'] === true;
    const from = { values, terminal, place: adminPlace, create: createRolloutClient };
    await withConnection(from, (client, { call }) =>
      run(name, { client, call, argument, why, json, values, terminal }),
    );
    return exitCodes.ok;
  },
};

async function run(name: Exclude<(typeof names)[number], 'design'>, task: Task): Promise<void> {
  const { client, call, argument, why, json, terminal } = task;
  const print = (shown: string, raw: unknown): void => {
    terminal.stdout.write(json ? `${JSON.stringify(raw, null, 2)}\n` : shown);
  };
  if (name === 'list') {
    const rollouts = await client.list(call);
    print(rollouts.length === 0 ? 'no rollouts\n' : listOf(rollouts), rollouts);
  } else if (name === 'start') {
    const rollout = await client.start(readPlanFile(argument), why, call);
    print(statusOf(rollout), rollout);
  } else if (name === 'status' || name === 'history') {
    const rollout = await client.get(argument, call);
    if (name === 'status') print(statusOf(rollout), rollout);
    else print(historyOf(rollout), rollout['history']);
  } else if (name === 'report') {
    print(await report(task), undefined);
  } else {
    const rollout = await client.change(argument, name, why, call);
    print(
      rollout === undefined ? `the rollout of ${printable(argument)} is forgotten\n` : statusOf(rollout),
      rollout,
    );
  }
}

/** Values that go in one message. */
const valuesAtOnce = 5000;

async function report({ client, call, argument: model, values: given }: Task): Promise<string> {
  const metric = flagText(given, 'metric');
  if (metric === undefined) throw usageError('rollout report needs --metric <name>');
  const values = await readValues(given);
  const sum = { counted: 0, unknown: 0, repeated: 0, unused: 0 };
  for (let at = 0; at < values.length; at += valuesAtOnce) {
    const part = { model, metric, values: values.slice(at, at + valuesAtOnce) };
    const counts = await client.reportMetric(part, call);
    for (const name of ['counted', 'unknown', 'repeated', 'unused'] as const)
      sum[name] += Number(counts[name]);
  }
  const { counted, unknown, repeated, unused } = sum;
  return `${counted} counted, ${unknown} of unknown requests, ${repeated} repeated, ${unused} that no running rollout asks for\n`;
}

function readPlanFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw usageError(`cannot read ${path}${errorCode(error)}`);
  }
}
