import { createLogger } from '../observability/log.ts';
import { silentLogger, type Logger } from '../inference/logger.ts';
import { isRemoteRepository } from '../inference/remote-repository.ts';
import { packageVersion } from '../package-version.ts';
import { pullModels } from '../sources/pull-models.ts';
import { systemClock } from '../util/clock.ts';
import { exitCodes, parseCommand, usageError, type Command, type ExitCode } from './command.ts';
import { printable } from './table.ts';

const help = `Usage: tensorgate pull <uri> <folder> [flags]

Fetches models from s3://, gs://, as://, az://, hf://, oci://, http(s):// or models:/, checks them and puts them into
the folder as plain files, for init containers and for looking at them. Models of the same names are replaced, others stay.
See docs/model-sources.md for the forms of addresses, and for credentials, which come from the environment.

  --max-bytes <bytes>        refuse more (100 GiB)
  --redirect-host <host>     host that an HTTP server may redirect to although its address is not public; may be repeated
  --token-file <file>        bearer tokens for HTTP servers, a line each: https://host token
`;

const flags = {
  'max-bytes': { type: 'string' },
  'redirect-host': { type: 'string', multiple: true },
  'token-file': { type: 'string' },
} as const;

const usualBytes = 100 * 1024 ** 3;

export const pullCommand: Command = {
  help: () => help,
  async run(args, terminal): Promise<ExitCode> {
    const { values, positionals } = parseCommand(args, flags, 2);
    const [uri = '', folder = ''] = positionals;
    if (uri === '' || folder === '') throw usageError('pull needs a uri and a folder');
    if (!isRemoteRepository(uri))
      throw usageError(`'${printable(uri)}' is not a uri that models are fetched from`);
    const tokenFile = values['token-file'];
    const models = await pullModels({
      uri,
      folder,
      limitBytes: bytesOf(values['max-bytes']),
      redirectHosts: textsOf(values['redirect-host']),
      tokenFile: typeof tokenFile === 'string' ? tokenFile : undefined,
      clock: systemClock,
      logger: progressOf(
        createLogger({
          level: 'info',
          format: 'auto',
          version: packageVersion(),
          sink: terminal.stderr,
        }),
      ),
    });
    for (const model of models) terminal.stdout.write(`${printable(model)}\n`);
    return exitCodes.ok;
  },
};

/** What goes wrong ends the command, which says so itself. */
function progressOf(logger: Logger): Logger {
  return { ...silentLogger, info: (fields, message) => logger.info(fields, message) };
}

function bytesOf(given: unknown): number {
  if (given === undefined) return usualBytes;
  const bytes = typeof given === 'string' && /^[1-9]\d{0,15}$/.test(given) ? Number(given) : undefined;
  if (bytes === undefined) throw usageError('--max-bytes needs a whole number of bytes');
  return bytes;
}

function textsOf(given: unknown): readonly string[] {
  return Array.isArray(given) ? given.filter((item) => typeof item === 'string') : [];
}
