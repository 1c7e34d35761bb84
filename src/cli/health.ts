import { exitCodes, flagText, parseCommand, type Command } from './command.ts';
import { withClient } from './connect.ts';
import { inferencePlace, serverFlags, serverFlagsHelp } from './server-flags.ts';

const help = `Usage: tensorgate health [model] [--version <n>] [flags]

Prints ready or not ready, of the server or of one of its models, and exits with 0 or 1.

${serverFlagsHelp(inferencePlace)}`;

export const healthCommand: Command = {
  help: () => help,
  async run(args, terminal) {
    const { values, positionals } = parseCommand(args, { ...serverFlags, version: { type: 'string' } }, 1);
    const [model] = positionals;
    const ready = await withClient(values, terminal, async (client, { call }) =>
      model === undefined
        ? client.ready(call)
        : client.modelReady(model, flagText(values, 'version') ?? '', call),
    );
    terminal.stdout.write(ready ? 'ready\n' : 'not ready\n');
    return ready ? exitCodes.ok : exitCodes.failed;
  },
};
