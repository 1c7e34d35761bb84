import { loadOptions } from '../config/load.ts';
import { configJsonSchema, effectiveJson, renderEffective } from '../config/render.ts';
import { hint } from '../config/suggest.ts';
import { exitCodes, usageError, type Command } from './command.ts';

const help = `Usage: tensorgate config check [--config <file>] [--json] [flags of serve]
       tensorgate config schema

check   prints every setting in force and where it comes from (default, detected, file and line,
        environment, flag), or everything that is wrong, and exits with 2.
schema  prints the JSON schema of the configuration file.
`;

export const configCommand: Command = {
  help: () => help,
  async run([action = '', ...args], terminal) {
    if (action === 'schema') {
      terminal.stdout.write(configJsonSchema());
      return exitCodes.ok;
    }
    if (action !== 'check')
      throw usageError(`config needs check or schema${hint(action, ['check', 'schema'])}`);
    const asJson = args.includes('--json');
    const result = loadOptions({
      args: args.filter((arg) => arg !== '--json'),
      environment: terminal.environment,
    });
    if (result.kind === 'refused') {
      for (const problem of result.problems) terminal.stderr.write(`${problem}\n`);
      return exitCodes.usage;
    }
    for (const notice of result.notices) terminal.stderr.write(`note: ${notice}\n`);
    terminal.stdout.write(asJson ? effectiveJson(result) : renderEffective(result));
    return exitCodes.ok;
  },
};
