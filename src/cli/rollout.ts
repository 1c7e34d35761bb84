import { readFileSync } from 'node:fs';
import type { WireMessage } from '../client/connection.ts';
import { items, part, text } from '../client/fields.ts';
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
  type Terminal,
} from './command.ts';
import { withConnection } from './connect.ts';
import { adminPlace, errorCode, serverFlags, serverFlagsHelp } from './server-flags.ts';
import { printable, renderTable } from './table.ts';

const help = `Usage: tensorgate rollout start <plan.yaml> [--why <text>]
       tensorgate rollout list [--json]
       tensorgate rollout status <model> [--json]
       tensorgate rollout history <model> [--json]
       tensorgate rollout pause|resume|promote|abort|forget <model> [--why <text>]

start    brings a new version of a model to its users as the plan says; docs/rollouts.md explains plans
status   where it is, what its guards have found, and what to do
history  who did what, when and why
pause    holds the next step back; guards go on, and a harmful version is still rolled back
resume   goes on
promote  the candidate serves everybody at once, whatever its guards say
abort    the stable version serves everybody at once; also after a promotion, while it is loaded
forget   of a rollout that is over: the newest version of the model serves again

${serverFlagsHelp(adminPlace)}`;

const flags = { ...serverFlags, why: { type: 'string' }, json: { type: 'boolean' } } as const;

const names = ['start', 'list', 'status', 'history', ...rolloutActions] as const;

interface Task {
  readonly client: RolloutClient;
  readonly call: CallOptions;
  readonly argument: string;
  readonly why: string;
  readonly json: boolean;
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
      run(name, { client, call, argument, why, json, terminal }),
    );
    return exitCodes.ok;
  },
};

async function run(name: (typeof names)[number], task: Task): Promise<void> {
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
  } else {
    const rollout = await client.change(argument, name, why, call);
    print(
      rollout === undefined ? `the rollout of ${printable(argument)} is forgotten\n` : statusOf(rollout),
      rollout,
    );
  }
}

function readPlanFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw usageError(`cannot read ${path}${errorCode(error)}`);
  }
}

function listOf(rollouts: readonly WireMessage[]): string {
  return renderTable(
    ['model', 'rollout', 'strategy', 'phase', 'candidate', 'percent', 'requests'],
    rollouts.map((rollout) => [
      word(rollout, 'model'),
      word(rollout, 'name'),
      word(rollout, 'strategy'),
      word(rollout, 'phase'),
      word(rollout, 'candidate_version'),
      String(rollout['percent']),
      String(rollout['candidate_requests']),
    ]),
    new Set(['percent', 'requests']),
  );
}

function statusOf(rollout: WireMessage): string {
  const waiting = word(rollout, 'waiting_for');
  const lines = [
    `${word(rollout, 'name')}: ${word(rollout, 'strategy')} of ${word(rollout, 'model')}, version ${word(rollout, 'stable_version')} to ${word(rollout, 'candidate_version')}`,
    `${word(rollout, 'phase')}, step ${String(rollout['step'])} of ${String(rollout['steps'])}, ${String(rollout['percent'])} % for ${word(rollout, 'candidate_label')}${waiting === '' ? '' : ` (${waiting})`}`,
    '',
    ...items(rollout, 'verdict').map((line) => printable(String(line))),
  ];
  return `${lines.join('\n')}\n`;
}

function historyOf(rollout: WireMessage): string {
  const rows = items(rollout, 'history').map((raw) => {
    const entry = part(raw);
    const at = new Date(Number(entry['at_epoch_ms'])).toISOString();
    return [at, word(entry, 'who'), word(entry, 'what'), word(entry, 'why')];
  });
  return renderTable(['when', 'who', 'what', 'why'], rows);
}

function word(message: WireMessage, field: string): string {
  return printable(text(message, field));
}
