import { setTimeout as delay } from 'node:timers/promises';
import { modelRows } from '../console/model-rows.ts';
import { RecentReadings } from '../console/recent-readings.ts';
import { ServingError } from '../errors.ts';
import {
  exitCodes,
  flagInteger,
  flagText,
  parseCommand,
  type Command,
  type ExitCode,
  type FlagValues,
  type Terminal,
} from './command.ts';
import { withClient } from './connect.ts';
import { LiveTerminal, type Key } from './live-terminal.ts';
import { inferencePlace, serverFlags, serverFlagsHelp } from './server-flags.ts';
import { modelTable, serverLines } from './top-screen.ts';
import { createTopSource, metricsUrl, type TopReading, type TopSource } from './top-source.ts';
import { TopState, type TopView } from './top-state.ts';

const help = `Usage: tensorgate top [flags]

Shows what a server does now: its models with requests per second, latencies, batch sizes, queues, caches and breakers,
and what it uses. Numbers are from its page of metrics and over the last ten seconds; latencies are milliseconds.

      --metrics <host:port>   or a URL; default the host of --address and port 8002
      --interval <seconds>    between two looks; default 2
      --once                  print a table of one interval and exit; so does an output that is no terminal
      --json                  one object per line and interval, with --once a single one

Keys: q quit, up/down or k/j select, enter details of a model, s sort by rate, p99, queue or name.

The states of models that do not serve come by gRPC, from --address; without it they are left out.

${serverFlagsHelp(inferencePlace)}`;

const flags = {
  ...serverFlags,
  metrics: { type: 'string' },
  interval: { type: 'string' },
  once: { type: 'boolean' },
  json: { type: 'boolean' },
} as const;

/** A server that does not answer in this time is said not to, whatever --timeout allows. */
const longestWaitMs = 10_000;

export const topCommand: Command = {
  help: () => help,
  async run(args, terminal): Promise<ExitCode> {
    const { values } = parseCommand(args, flags, 0);
    const intervalMs = flagInteger(values, 'interval', { min: 1, max: 3600, initial: 2 }) * 1000;
    return withClient(values, terminal, async (client, { options, call }) => {
      const source = createTopSource({
        url: metricsUrl(flagText(values, 'metrics'), options.address),
        client,
        timeoutMs: Math.min(call.timeoutMs ?? longestWaitMs, longestWaitMs),
      });
      const readings = new Readings(source);
      if (values['json'] === true) await printJson(readings, { values, terminal, intervalMs });
      else if (values['once'] === true || terminal.stdout.isTTY !== true)
        await printOnce(readings, terminal, intervalMs);
      else await watch(readings, terminal, intervalMs);
      return exitCodes.ok;
    });
  },
};

/** A source's readings as views. */
class Readings {
  readonly source: TopSource;
  readonly #recent = new RecentReadings();

  constructor(source: TopSource) {
    this.source = source;
  }

  async next(): Promise<TopView & Pick<TopReading, 'indexProblem'>> {
    const { metrics, index, indexProblem } = await this.source.read();
    const view = this.#recent.add(metrics);
    return { view, rows: modelRows(view, index), indexProblem };
  }
}

/** Rates are of one interval, so two looks are needed. */
async function printOnce(
  readings: Readings,
  { stdout, stderr }: Terminal,
  intervalMs: number,
): Promise<void> {
  await readings.next();
  await delay(intervalMs);
  const { view, rows, indexProblem } = await readings.next();
  const lines = [
    ...serverLines(view, readings.source.url.host),
    '',
    ...modelTable(rows, Infinity).map(({ text }) => text),
  ];
  stdout.write(lines.map((line) => `${line}\n`).join(''));
  if (indexProblem !== '') stderr.write(`tensorgate: ${missingStates(indexProblem)}\n`);
}

interface JsonOutput {
  readonly values: FlagValues;
  readonly terminal: Terminal;
  readonly intervalMs: number;
}

async function printJson(readings: Readings, { values, terminal, intervalMs }: JsonOutput): Promise<void> {
  await readings.next();
  do {
    await delay(intervalMs);
    const { view, rows } = await readings.next();
    const notServing = rows.filter((row) => row.view === undefined);
    const others = notServing.map(({ model, version, state, reason }) => ({ model, version, state, reason }));
    terminal.stdout.write(`${JSON.stringify({ ...view, notServing: others })}\n`);
  } while (values['once'] !== true);
}

async function watch(
  readings: Readings,
  { stdout, environment }: Terminal,
  intervalMs: number,
): Promise<void> {
  const state = new TopState(readings.source.url.host);
  const ended = new AbortController();
  const onKey = (key: Key): void => {
    if (key === 'quit') ended.abort();
    else {
      state.press(key, live.rows - 6);
      draw();
    }
  };
  const end = (): void => ended.abort();
  using live = new LiveTerminal(process.stdin, stdout, {
    colors: environment['NO_COLOR'] === undefined,
    onKey,
  });
  const draw = (): void => live.show(state.lines(live));
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, end);
  process.on('SIGWINCH', draw);
  try {
    draw();
    while (!ended.signal.aborted) {
      try {
        const next = await readings.next();
        state.update(next, next.indexProblem === '' ? '' : missingStates(next.indexProblem));
      } catch (error) {
        if (!(error instanceof ServingError)) throw error;
        state.fail(error.message);
      }
      if (ended.signal.aborted) break;
      draw();
      await delay(intervalMs, undefined, { signal: ended.signal }).catch(() => undefined);
    }
  } finally {
    for (const signal of signals) process.off(signal, end);
    process.off('SIGWINCH', draw);
  }
}

function missingStates(problem: string): string {
  return `models that do not serve are not shown: by gRPC, ${problem}`;
}
