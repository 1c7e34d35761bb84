import { renderFlags } from '../config/help.ts';
import { loadOptions } from '../config/load.ts';
import { exitCodes, type Command, type Terminal } from './command.ts';
import { serveUntilStopped, type SignalSource } from './serving.ts';
import { collectByReceivedBytes, holdYoungGeneration } from './young-generation.ts';

const head = `Usage: tensorgate serve [model repository | folder of .onnx files | model.onnx]... [flags]

Every flag can also be set in a file (--config <file>, TENSORGATE_CONFIG; YAML or JSON) and in the
environment (--grpc-port is TENSORGATE_GRPC_PORT). Flags win over the environment, the environment
over the file. true|false flags may stand alone (--allow-settings) and be negated (--no-allow-settings).
SIGTERM and SIGINT let running requests finish; a second one stops at once. SIGHUP, and a change of the
file, read the configuration again; docs/configuration.md says which settings that can change.

`;

const processSignals: SignalSource = {
  on: (signal, listener) => process.on(signal, listener),
  off: (signal, listener) => process.off(signal, listener),
  // process.exit waits for threads, and one inside ONNX Runtime may take long or never end.
  kill: () => process.kill(process.pid, 'SIGKILL'),
};

export const serveCommand: Command = {
  help: () => head + renderFlags(),
  async run(args, terminal) {
    const load = () => loadOptions({ args, environment: terminal.environment });
    const effective = load();
    if (effective.kind === 'refused') {
      for (const problem of effective.problems) terminal.stderr.write(`tensorgate: ${problem}\n`);
      terminal.stderr.write('See tensorgate serve --help.\n');
      return exitCodes.usage;
    }
    // I/O threads have limits of their own, and then little happens on this one.
    if (effective.options.server.ioThreads === 1) {
      holdYoungGeneration(process.execArgv, terminal.environment['NODE_OPTIONS']);
      collectByReceivedBytes();
    }
    const { createServer } = await import('../server.ts');
    const command = import.meta.filename.endsWith('.ts') ? 'npm run tensorgate --' : 'npx tensorgate';
    const code = await serveUntilStopped({
      start: createServer,
      effective,
      load,
      terminal,
      signals: processSignals,
      command,
    });
    killIfStuck(terminal);
    return code;
  },
};

/** Everything is closed by then, but for a run of ONNX Runtime that does not end. */
const stuckAfterMs = 5000;

/**
 * A thread inside ONNX Runtime can neither be ended nor exited from: both abort the process with a core dump. When one
 * keeps the process alive after the server has stopped, a clean kill is what is left. The timer itself keeps nothing alive.
 */
function killIfStuck({ stderr }: Terminal): void {
  setTimeout(() => {
    stderr.write('tensorgate: a run of a model does not end; ending the process by SIGKILL\n');
    process.kill(process.pid, 'SIGKILL');
  }, stuckAfterMs).unref();
}
