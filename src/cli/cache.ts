import { createAdminClient } from '../client/admin-client.ts';
import { hint } from '../config/suggest.ts';
import { exitCodes, parseCommand, usageError, type Command, type ExitCode } from './command.ts';
import { withConnection } from './connect.ts';
import { adminPlace, serverFlags, serverFlagsHelp } from './server-flags.ts';
import { printable } from './table.ts';

const help = `Usage: tensorgate cache purge [<model>]

purge  forgets the cached answers of all versions of a model, or of all models, in this server and in
       all servers that share answers with it through Redis; those learn of it within a second

${serverFlagsHelp(adminPlace)}`;

export const cacheCommand: Command = {
  help: () => help,
  async run(args, terminal): Promise<ExitCode> {
    const { values, positionals } = parseCommand(args, serverFlags, 2);
    const [name = '', model = ''] = positionals;
    if (name !== 'purge') throw usageError(`cache needs purge${hint(name, ['purge'])}`);
    if (positionals.length === 2 && model === '') throw usageError('which model? leave it out for all');
    const from = { values, terminal, place: adminPlace, create: createAdminClient };
    const answers = await withConnection(from, (client, { call }) => client.purgeCache(model, call));
    const whose = model === '' ? 'all models' : printable(model);
    terminal.stdout.write(`purged ${whose}; ${answers} answers were in the server's memory\n`);
    return exitCodes.ok;
  },
};
