import { hasConsole } from './config/has-console.ts';
import type { Options } from './config/options.ts';
import type { Logger } from './inference/logger.ts';
import type { RolloutAdmin } from './inference/rollout-admin.ts';
import type { ModelRegistry } from './models/registry.ts';
import type { MetricsServer } from './observability/metrics/metrics-server.ts';
import type {
  MetricsSources,
  QualityReading,
  VersionReading,
  RolloutsReading,
} from './observability/metrics/server-reading.ts';
import { packageVersion } from './package-version.ts';
import type { VersionReport } from './quality/version-report.ts';
import type { Sources } from './open-sources.ts';
import type { Serving } from './serving-host.ts';
import type { ConsoleHandler } from './transport/console/console-handler.ts';
import type { ConsoleSources } from './transport/console/console-sources.ts';
import type { Clock } from './util/clock.ts';

export interface MetricsParts {
  readonly registry: ModelRegistry;
  readonly serving: Serving;
  readonly rollouts: Pick<RolloutAdmin, 'reports'>;
  readonly sources: Pick<Sources, 'reports'>;
  readonly budget: MetricsSources['budget'];
  /** Left out where the configuration is not read again. */
  readonly configReloads: MetricsSources['configReloads'];
  readonly clock: Clock;
  readonly logger: Logger;
  /** What the console moves besides; `--metrics-console` says whether there is one. */
  readonly console: Pick<ConsoleSources, 'authenticate' | 'server' | 'purge' | 'drain'>;
}

/** The listener of `--metrics-port`; undefined when it is off, and then its code is not loaded. */
export async function listenMetrics(
  options: Options,
  parts: MetricsParts,
): Promise<MetricsServer | undefined> {
  const { metrics } = options;
  const { registry, serving, budget, clock, logger } = parts;
  if (!metrics.enabled) return undefined;
  const [{ MachineMonitor }, { Scraper }, { startMetricsServer }] = await Promise.all([
    import('./observability/metrics/machine-monitor.ts'),
    import('./observability/metrics/scraper.ts'),
    import('./observability/metrics/metrics-server.ts'),
  ]);
  const chosen = new Set(metrics.config);
  const scraper = new Scraper({
    sources: {
      versions: () => versionsOf(registry),
      observe: () => serving.observe(),
      quality: () => serving.quality().map((report) => qualityOf(report)),
      rollouts: () => rolloutsOf(parts),
      repositories: () => parts.sources.reports(),
      ready: () => registry.catalog.ready(),
      budget,
      configReloads: parts.configReloads,
      build: { version: packageVersion(), node: process.versions.node },
    },
    latencies: {
      counters: !chosen.has('counter_latencies=false'),
      histograms: chosen.has('histogram_latencies=true'),
    },
    machine: metrics.cpu ? await MachineMonitor.start({ clock, intervalMs: metrics.intervalMs }) : undefined,
    clock,
  });
  try {
    const server = await startMetricsServer({
      host: metrics.address,
      port: metrics.port,
      scrape: (format) => scraper.scrape(format),
      otherPaths: await consoleOf(options, parts),
      logger,
    });
    return {
      address: server.address,
      async [Symbol.asyncDispose]() {
        await server[Symbol.asyncDispose]();
        scraper[Symbol.dispose]();
      },
    };
  } catch (error) {
    scraper[Symbol.dispose]();
    throw error;
  }
}

function qualityOf({
  model,
  version,
  feedback,
  inputs,
  answers,
  embeddings,
  failures,
  dropped,
}: VersionReport): QualityReading {
  const { accepted = 0, unknown = 0, repeated = 0, unfitting = 0 } = feedback ?? {};
  const known = Object.entries(feedback?.metrics ?? {}).filter(
    (entry): entry is [string, number] => entry[1] !== undefined,
  );
  return {
    model,
    version,
    metrics: Object.fromEntries(known),
    labels: { accepted, unknown, repeated, unfitting },
    unread: { failed: failures, dropped },
    belowBaseline: feedback?.alert?.below,
    medianLagMs: feedback?.labelLag?.medianMs,
    changes: feedback?.changes ?? 0,
    estimatedAccuracy: feedback?.estimatedAccuracy,
    embeddings: embeddings.flatMap(({ side, name, window }) =>
      window === undefined ? [] : [{ side, name, shift: window.shift, drifted: window.drifted }],
    ),
    drift: Object.entries({ inputs, answers }).flatMap(([side, report]) =>
      report?.window === undefined
        ? []
        : [
            {
              side,
              drifted: report.window.drifted,
              share: report.window.driftedShare,
              features: report.window.features,
            },
          ],
    ),
  };
}

/** undefined where the console is off, and then its code is not loaded. */
async function consoleOf(
  options: Options,
  { registry, serving, logger, console }: MetricsParts,
): Promise<ConsoleHandler | undefined> {
  if (!hasConsole(options)) return undefined;
  const { createConsoleHandler } = await import('./transport/console/console-handler.ts');
  return createConsoleHandler({
    ...console,
    catalog: registry.catalog,
    control: serving.control,
    hasKeys: options.security.apiKeysFile !== undefined,
    logger,
  });
}

/** Threads are asked only where there is something to ask for. */
async function rolloutsOf({ rollouts, serving }: MetricsParts): Promise<RolloutsReading> {
  const reports = rollouts.reports();
  if (reports.length === 0) return { rollouts: reports, arms: [] };
  const { addArms } = await import('./observability/metrics/rollout-metrics.ts');
  return { rollouts: reports, arms: addArms((await serving.traffic.readArms()).values()) };
}

export interface EmfParts {
  readonly registry: ModelRegistry;
  readonly clock: Clock;
  readonly write: (line: string) => void;
}

/** Prints metrics of models now and then; undefined when that is off, and then its code is not loaded. */
export async function startEmf(
  { log }: Options,
  { registry, clock, write }: EmfParts,
): Promise<Disposable | undefined> {
  if (log.emfIntervalSecs === 0) return undefined;
  const { EmfLines } = await import('./observability/emf.ts');
  const lines = new EmfLines();
  const print = (): void => {
    for (const line of lines.take(versionsOf(registry), clock.epochMs())) write(`${line}\n`);
  };
  let timer: Disposable | undefined;
  const wait = (): void => {
    timer = clock.after(log.emfIntervalSecs * 1000, () => {
      print();
      wait();
    });
  };
  wait();
  return {
    [Symbol.dispose]() {
      timer?.[Symbol.dispose]();
      // What happened since the last lines is told as well.
      print();
    },
  };
}

function* versionsOf(registry: ModelRegistry): Generator<VersionReading, void, void> {
  for (const { target, config, counters, loadMs } of registry.served()) {
    const { platform, digest, decoupled } = target.spec;
    yield {
      platform,
      digest,
      decoupled,
      statistics: counters.snapshot(),
      latencies: counters.latencies(),
      loadMs,
      tags: labelsOfTags(config.metric_tags),
    };
  }
}

/** Triton puts _ before each; what no label may be called is replaced. */
function labelsOfTags(tags: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(tags).map(([name, value]) => [`_${name.replaceAll(/[^A-Za-z0-9_]/g, '_')}`, value]),
  );
}
