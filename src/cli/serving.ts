import type { Effective, Refused } from '../config/load.ts';
import { hasConsole } from '../config/has-console.ts';
import type { Options } from '../config/options.ts';
import type { ModelCatalog } from '../inference/catalog.ts';
import { createLogger, type ServerLogger } from '../observability/log.ts';
import { packageVersion } from '../package-version.ts';
import { systemClock } from '../util/clock.ts';
import { exitCodes, type ExitCode, type Terminal } from './command.ts';
import { ConfigReload, type ConfigReloadCounts } from './config-reload.ts';
import { createGreeting, renderGreeting } from './greeting.ts';
import { explainStartFailure } from './start-failure.ts';

/** A server as its process sees it. */
export interface RunningServer {
  readonly catalog: ModelCatalog;
  /** Bound address of the gRPC listener, with the port that was picked for 0. */
  readonly grpcAddress: string;
  /** Bound address of the HTTP listener; '' when HTTP is off. */
  readonly httpAddress: string;
  /** Bound address of the listener of metrics; '' when it is off. */
  readonly metricsAddress: string;
  /** Resolves when everything is closed: after `stop`, or when the server was drained from elsewhere. */
  readonly stopped: Promise<void>;
  /** Takes over the settings that may change while it runs. */
  reconfigure(options: Options): void;
  /** Lets running requests finish, within `exitTimeoutSecs`. Idempotent. */
  stop(): Promise<void>;
}

interface ServerTools {
  readonly logger: ServerLogger;
  readonly configReloads: Readonly<ConfigReloadCounts>;
}

type StartServer = (options: Options, tools: ServerTools) => Promise<RunningServer>;

type Signal = 'SIGTERM' | 'SIGINT' | 'SIGHUP';

/** Where signals come from; `process` or a test's emitter. */
export interface SignalSource {
  on(signal: Signal, listener: () => void): unknown;
  off(signal: Signal, listener: () => void): unknown;
  /** Ends the process at once. */
  kill(): void;
}

export interface ServingOptions {
  readonly start: StartServer;
  readonly effective: Effective;
  /** Reads the configuration anew. */
  readonly load: () => Effective | Refused;
  readonly terminal: Terminal;
  readonly signals: SignalSource;
  /** How the command line is called, for the examples. */
  readonly command: string;
}

/**
 * Starts a server and stays until a signal has stopped it. The first SIGTERM or SIGINT drains, a second one ends the process;
 * SIGHUP reads the configuration again.
 */
export async function serveUntilStopped({
  start,
  effective,
  load,
  terminal,
  signals,
  command,
}: ServingOptions): Promise<ExitCode> {
  const { options, notices } = effective;
  const { level, format } = options.log;
  const logger = createLogger({ level, format, version: packageVersion(), sink: terminal.stdout });
  for (const notice of notices) logger.warn({}, notice);
  let server: RunningServer | undefined;
  let asked = false;
  const onSignal = (): void => {
    if (asked || server === undefined) {
      signals.kill();
      return;
    }
    asked = true;
    logger.info({ exitTimeoutSecs: options.server.exitTimeoutSecs }, 'stopping, running requests may finish');
    void server.stop();
  };
  signals.on('SIGTERM', onSignal);
  signals.on('SIGINT', onSignal);
  let reload: ConfigReload | undefined;
  const onHangUp = (): void => {
    if (!asked) reload?.reload('signal');
  };
  signals.on('SIGHUP', onHangUp);
  const counts: ConfigReloadCounts = { success: 0, failure: 0 };
  try {
    const started = await start(options, { logger, configReloads: counts });
    server = started;
    reload = new ConfigReload({
      options,
      load,
      file: effective.file,
      apply: (next) => started.reconfigure(next),
      counts,
      clock: systemClock,
      logger,
    });
    greet(server, { options, terminal, logger, command });
    await server.stopped;
    logger.info({}, 'stopped');
    return exitCodes.ok;
  } catch (error) {
    const { message, cause } = explainStartFailure(error, options);
    logger.error(cause === undefined ? {} : { error: cause }, message);
    return exitCodes.failed;
  } finally {
    signals.off('SIGTERM', onSignal);
    signals.off('SIGINT', onSignal);
    signals.off('SIGHUP', onHangUp);
    reload?.[Symbol.dispose]();
  }
}

interface Greeter {
  readonly options: Options;
  readonly terminal: Terminal;
  readonly logger: ServerLogger;
  readonly command: string;
}

function greet(server: RunningServer, { options, terminal, logger, command }: Greeter): void {
  const address = server.grpcAddress.replace(/^(0\.0\.0\.0|\[?::\]?):/, '127.0.0.1:');
  const greeting = createGreeting(server.catalog, { address, secure: options.grpc.tls.enabled, command });
  if (greeting.models.length === 0)
    logger.warn({ repositories: options.models.repositories }, 'there is no model in the repositories');
  const http = server.httpAddress === '' ? {} : { http: server.httpAddress };
  const metrics = server.metricsAddress === '' ? {} : { metrics: server.metricsAddress };
  const page =
    server.metricsAddress !== '' && hasConsole(options)
      ? { console: `http://${server.metricsAddress}/console` }
      : {};
  const models = greeting.models.length;
  logger.info({ grpc: server.grpcAddress, ...http, ...metrics, ...page, models }, 'serving');
  const pretty =
    options.log.format === 'pretty' || (options.log.format === 'auto' && terminal.stdout.isTTY === true);
  if (options.log.level === 'silent') return;
  if (pretty) terminal.stdout.write(renderGreeting(greeting));
  else logger.info({ models: greeting.models, examples: greeting.examples }, 'try');
}
