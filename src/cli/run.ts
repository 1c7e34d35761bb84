import { hint } from '../config/suggest.ts';
import { ServingError } from '../errors.ts';
import { exitCodes, usageError, type Command, type ExitCode, type Terminal } from './command.ts';
import { packageVersion } from '../package-version.ts';

/** Commands are loaded when they are called: `--version` should not wait for ONNX Runtime. */
const commands: Readonly<Record<string, { readonly about: string; readonly load: () => Promise<Command> }>> =
  {
    serve: {
      about: 'serve models over gRPC and HTTP',
      load: async () => (await import('./serve.ts')).serveCommand,
    },
    infer: {
      about: 'send one inference to a server and show the answer',
      load: async () => (await import('./infer.ts')).inferCommand,
    },
    models: {
      about: 'list, load, unload and inspect models of a server',
      load: async () => (await import('./models.ts')).modelsCommand,
    },
    pull: {
      about: 'fetch models from a store into a folder',
      load: async () => (await import('./pull.ts')).pullCommand,
    },
    top: {
      about: 'show what a server does now: models, rates, latencies, queues',
      load: async () => (await import('./top.ts')).topCommand,
    },
    cache: {
      about: 'make a server forget cached answers',
      load: async () => (await import('./cache.ts')).cacheCommand,
    },
    rollout: {
      about: 'bring a new version of a model to its users, watched and reversibly',
      load: async () => (await import('./rollout.ts')).rolloutCommand,
    },
    health: {
      about: 'say whether a server, or one of its models, is ready',
      load: async () => (await import('./health.ts')).healthCommand,
    },
    config: {
      about: 'check a configuration, or print its JSON schema',
      load: async () => (await import('./config.ts')).configCommand,
    },
    predictions: {
      about: 'check a prediction log, remove what is old or about a person',
      load: async () => (await import('./predictions.ts')).predictionsCommand,
    },
    quality: {
      about: 'tell labels, show how good answers are, profile training data',
      load: async () => (await import('./quality.ts')).qualityCommand,
    },
    doctor: {
      about: 'look for what keeps a server from running well on this machine',
      load: async () => (await import('./doctor.ts')).doctorCommand,
    },
    providers: {
      about: "install ONNX Runtime's CUDA and TensorRT libraries from a file",
      load: async () => (await import('./providers.ts')).providersCommand,
    },
  };

const names = Object.keys(commands);

function overview(): string {
  const width = Math.max(...names.map((name) => name.length));
  const lines = Object.entries(commands).map(([name, { about }]) => `  ${name.padEnd(width)}  ${about}`);
  return `Usage: tensorgate <command> [flags]

Commands:
${lines.join('\n')}

  tensorgate <command> --help  explains a command
  tensorgate --version         prints the version

Exit status: 0 done, 1 failed, 2 wrong usage or configuration, 3 no server at the address.
`;
}

/** Runs one command line (without node and script) and says how the process should exit. Never throws. */
export async function run(argv: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const [name, ...args] = argv;
  try {
    if (name === '--version' || name === '-v') {
      terminal.stdout.write(`${packageVersion()}\n`);
      return exitCodes.ok;
    }
    const asked = args[0];
    if (name === 'help' && asked !== undefined && Object.hasOwn(commands, asked))
      return await run([asked, '--help'], terminal);
    if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
      const out = name === undefined ? terminal.stderr : terminal.stdout;
      out.write(overview());
      return name === undefined ? exitCodes.usage : exitCodes.ok;
    }
    const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (command === undefined) throw usageError(`unknown command ${name}${hint(name, names)}`);
    const loaded = await command.load();
    const end = args.indexOf('--');
    const own = end === -1 ? args : args.slice(0, end);
    if (own.includes('--help') || own.includes('-h')) {
      terminal.stdout.write(loaded.help());
      return exitCodes.ok;
    }
    return await loaded.run(args, terminal);
  } catch (thrown) {
    return report(thrown, name, terminal);
  }
}

function report(thrown: unknown, command: string | undefined, { stderr, environment }: Terminal): ExitCode {
  if (!(thrown instanceof ServingError)) {
    stderr.write(
      `tensorgate: ${thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)}\n`,
    );
    return exitCodes.failed;
  }
  if (thrown.reason === 'USAGE') {
    const about = command !== undefined && Object.hasOwn(commands, command) ? `${command} ` : '';
    stderr.write(`tensorgate: ${thrown.message}\nSee tensorgate ${about}--help.\n`);
    return exitCodes.usage;
  }
  stderr.write(`tensorgate: ${thrown.message}\n`);
  if (environment['TENSORGATE_DEBUG'] && thrown.cause instanceof Error)
    stderr.write(`${thrown.cause.stack}\n`);
  return thrown.reason === 'UNREACHABLE' ? exitCodes.unreachable : exitCodes.failed;
}
