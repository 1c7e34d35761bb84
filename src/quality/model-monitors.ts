import { ServingError } from '../errors.ts';
import type { ExporterReading } from '../inference/exporter-breaker.ts';
import type { ModelSpec } from '../inference/model-spec.ts';
import type {
  Feedback,
  FeedbackCounts,
  LabelledRequest,
  ModelQuality,
  Monitor,
  MonitoringPlan,
} from '../inference/monitoring.ts';
import type { Principal } from '../inference/principal.ts';
import type { Target } from '../inference/target.ts';
import { printable } from '../util/printable.ts';
import { driftPage } from './drift-page.ts';
import { profileFormat } from './profile-format.ts';
import { reportOf, type VersionReport } from './version-report.ts';
import type { Webhook } from './webhook.ts';
import type { VersionMonitor, VersionMonitorTools } from './version-monitor.ts';

export interface MonitorsOptions extends Pick<VersionMonitorTools, 'clock' | 'logger'> {
  /** Told of what happens; undefined for none. */
  readonly webhook: Webhook | undefined;
}

/** Requests in one message: some milliseconds, in which nobody else is served. */
const mostLabels = 10_000;

/** The monitors of all versions that serve; they go with their targets. */
export class ModelMonitors implements ModelQuality, AsyncDisposable {
  readonly #tools: VersionMonitorTools;
  readonly #webhook: Webhook | undefined;
  readonly #monitors = new WeakMap<Monitor, VersionMonitor>();
  #targets: () => Iterable<Target> = () => [];

  /** @param webhook is disposed with this. */
  constructor({ clock, logger, webhook }: MonitorsOptions) {
    this.#webhook = webhook;
    this.#tools = {
      clock,
      logger,
      onEvent(event) {
        logger.warn({ ...event }, 'model quality');
        webhook?.send(event);
      },
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#webhook?.[Symbol.dispose]();
    return Promise.resolve();
  }

  /** Of the webhook, where there is one. */
  exporters(): readonly ExporterReading[] {
    return this.#webhook === undefined ? [] : [this.#webhook.reading()];
  }

  /** What watches is loaded with the first model that wants it. @throws ServingError for a reference that is none. */
  async create(spec: ModelSpec, plan: MonitoringPlan): Promise<Monitor> {
    const { VersionMonitor: Created } = await import('./version-monitor.ts');
    const monitor = new Created(spec, plan, this.#tools);
    this.#monitors.set(monitor, monitor);
    return monitor;
  }

  /** Who counts for a target. */
  of(target: Target | undefined): VersionMonitor | undefined {
    return target?.monitor && this.#monitors.get(target.monitor);
  }

  /** @param targets all that serve now; read at each call. */
  follow(targets: () => Iterable<Target>): void {
    this.#targets = targets;
  }

  feedback({ model, version, principal, labels }: Feedback, caller: Principal): FeedbackCounts {
    const whose = principal === '' ? caller.name : principal;
    if (whose !== caller.name && !caller.scopes.has('admin')) {
      throw new ServingError('permission_denied', "labels of others' requests need the scope 'admin'", {
        reason: 'SCOPE_MISSING',
      });
    }
    const waiting = this.#find(model, version).filter(({ feedback }) => feedback !== undefined);
    if (waiting.length === 0) throw notMonitored(model, version, 'waits for no labels');
    const counts = { accepted: 0, unknown: 0, repeated: 0, unfitting: 0 };
    if (labels.length > mostLabels) throw tooMany();
    for (const labelled of labels) counts[this.#label(waiting, whose, labelled)]++;
    for (const { feedback } of waiting) feedback?.settle();
    return counts;
  }

  report(
    model: string,
    version: string,
  ): { readonly model: string; readonly versions: readonly VersionReport[] } {
    return { model, versions: this.#watched(model, version).map((monitor) => reportOf(monitor)) };
  }

  profile(model: string, version: string): object {
    const watch = this.#watched(model, version).findLast(({ inputs }) => inputs?.watch !== undefined)?.inputs
      ?.watch;
    if (watch === undefined) throw notMonitored(model, version, 'has no reference yet');
    return { format: profileFormat, features: watch.features.map(({ profile }) => profile) };
  }

  page(model: string, version: string): string {
    return driftPage(
      model,
      this.#watched(model, version).map((monitor) => reportOf(monitor)),
    );
  }

  /** Of all models. */
  reports(): readonly VersionReport[] {
    return this.#find('', '').map((monitor) => reportOf(monitor));
  }

  /** A copy of a request that another version answered as well is labelled with it. */
  #label(
    monitors: readonly VersionMonitor[],
    whose: string,
    labelled: LabelledRequest,
  ): keyof FeedbackCounts {
    const nowMs = this.#tools.clock.epochMs();
    const knowing = monitors.filter(({ feedback }) => feedback?.knows(whose, labelled.id, nowMs));
    const asked = knowing.length > 0 ? knowing : monitors.slice(-1);
    const results = asked.map(({ feedback }) => feedback?.label(whose, labelled, nowMs) ?? 'unknown');
    return results.includes('accepted') ? 'accepted' : (results[0] ?? 'unknown');
  }

  #watched(model: string, version: string): readonly VersionMonitor[] {
    const found = this.#find(model, version);
    if (found.length === 0) throw notMonitored(model, version, 'is not monitored');
    return found;
  }

  /** '' for all. */
  #find(model: string, version: string): readonly VersionMonitor[] {
    const found: VersionMonitor[] = [];
    for (const { spec, monitor } of this.#targets()) {
      if (monitor === undefined || (model !== '' && spec.name !== model)) continue;
      const known = this.#monitors.get(monitor);
      if (known !== undefined && (version === '' || spec.version === version)) found.push(known);
    }
    return found;
  }
}

function tooMany(): ServingError {
  return new ServingError('invalid_argument', `labels of more than ${mostLabels} requests in one message`, {
    reason: 'INVALID_PARAMETER',
  });
}

function notMonitored(model: string, version: string, problem: string): ServingError {
  const subject = version === '' ? '' : ` version ${printable(version)}`;
  return new ServingError('not_found', `model '${printable(model)}'${subject} ${problem}`, {
    reason: 'NOT_MONITORED',
  });
}
