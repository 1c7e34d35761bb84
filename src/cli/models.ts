import { readFileSync } from 'node:fs';
import type { Client } from '../client/client.ts';
import type { CallOptions } from '../client/types.ts';
import {
  chooseAction,
  exitCodes,
  flagText,
  parseCommand,
  usageError,
  type Command,
  type ExitCode,
  type FlagValues,
  type Terminal,
} from './command.ts';
import { withClient } from './connect.ts';
import { errorCode, inferencePlace, serverFlags, serverFlagsHelp } from './server-flags.ts';
import { renderModel } from './show-model.ts';
import { printable, renderTable } from './table.ts';

const help = `Usage: tensorgate models list [--ready] [--json]
       tensorgate models inspect <model> [--version <n>] [--json]
       tensorgate models load <model> [--config <file.json>]
       tensorgate models unload <model> [--dependents]

list     every model of the repositories with its state
inspect  inputs, outputs, scheduling and statistics of a model
load     loads or reloads a model; --config replaces its configuration for this load. Needs --model-control-mode explicit.
unload   lets running requests finish, then frees the memory; --dependents unloads the steps of an ensemble too

${serverFlagsHelp(inferencePlace)}`;

const flags = {
  ...serverFlags,
  ready: { type: 'boolean' },
  json: { type: 'boolean' },
  version: { type: 'string' },
  config: { type: 'string' },
  dependents: { type: 'boolean' },
} as const;

interface Task {
  readonly client: Client;
  readonly call: CallOptions;
  readonly values: FlagValues;
  readonly terminal: Terminal;
}

type Action = (model: string, task: Task) => Promise<void>;

const actions: Readonly<Record<string, Action>> = { list, inspect, load, unload };

export const modelsCommand: Command = {
  help: () => help,
  async run(args, terminal): Promise<ExitCode> {
    const { values, positionals } = parseCommand(args, flags, 2);
    const [name = '', model = ''] = positionals;
    const action = chooseAction('models', name, actions);
    if (name !== 'list' && model === '') throw usageError(`which model? tensorgate models ${name} <model>`);
    await withClient(values, terminal, (client, { call }) =>
      action(model, { client, call, values, terminal }),
    );
    return exitCodes.ok;
  },
};

async function list(_model: string, { client, call, values, terminal }: Task): Promise<void> {
  const entries = await client.index(values['ready'] === true ? 'ready' : 'all', call);
  if (values['json'] === true) {
    terminal.stdout.write(`${JSON.stringify(entries, null, 2)}\n`);
    return;
  }
  const rows = entries.map(({ name, version, state, reason }) => [
    printable(name),
    version === '' ? '-' : version,
    state === '' ? 'not loaded' : state,
    printable(reason),
  ]);
  terminal.stdout.write(
    rows.length === 0 ? 'no models\n' : renderTable(['model', 'version', 'state', 'reason'], rows),
  );
}

async function inspect(model: string, { client, call, values, terminal }: Task): Promise<void> {
  const version = flagText(values, 'version') ?? '';
  const [metadata, config, statistics] = await Promise.all([
    client.metadata(model, version, call),
    client.config(model, version, call),
    client.statistics(model, version, call),
  ]);
  const inspected = { metadata, config, statistics };
  terminal.stdout.write(
    values['json'] === true ? `${JSON.stringify(inspected, null, 2)}\n` : renderModel(inspected),
  );
}

async function load(model: string, { client, call, values, terminal }: Task): Promise<void> {
  const path = flagText(values, 'config');
  await client.load(model, path === undefined ? {} : { config: readConfig(path) }, call);
  const versions = (await client.index('ready', call)).filter(({ name }) => name === model);
  const shown = versions.map(({ version }) => version).join(', ');
  terminal.stdout.write(`${printable(model)} is ready${shown === '' ? '' : `, version ${shown}`}\n`);
}

async function unload(model: string, { client, call, values, terminal }: Task): Promise<void> {
  await client.unload(model, values['dependents'] === true ? 'unload' : 'keep', call);
  terminal.stdout.write(`${printable(model)} is unloaded\n`);
}

function readConfig(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw usageError(`--config: cannot read ${path}${errorCode(error)}`);
  }
}
