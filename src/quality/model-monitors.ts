import { ServingError } from '../errors.ts';
import type { ExporterReading } from '../inference/exporter-breaker.ts';
import type { LabelTotal } from '../inference/arm-metrics.ts';
import type { ModelSpec } from '../inference/model-spec.ts';
import type {
  Feedback,
  FeedbackCounts,
  Label,
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
import { fingerprintOf } from './fingerprint.ts';
import { keyOf, type KeptPrediction, type KeptPredictions } from './kept-predictions.ts';
import type { QualityKeeper } from './quality-keeper.ts';
import type { QualityStore } from './quality-store.ts';
import type { VersionMonitor, VersionMonitorTools } from './version-monitor.ts';

export interface MonitorsOptions extends Pick<VersionMonitorTools, 'clock' | 'logger'> {
  /** Told of what happens; undefined for none. */
  readonly webhook: Webhook | undefined;
  /** Where quality outlives the process, opened with the first model that is watched; left out where it does not. */
  readonly openStore?: () => Promise<QualityStore>;
}

/** Requests in one message: some milliseconds, in which nobody else is served. */
const mostLabels = 10_000;

/** The monitors of all versions that serve; they go with their targets. */
export class ModelMonitors implements ModelQuality, AsyncDisposable {
  readonly #tools: VersionMonitorTools;
  readonly #webhook: Webhook | undefined;
  readonly #monitors = new WeakMap<Monitor, VersionMonitor>();
  readonly #openStore: MonitorsOptions['openStore'];
  #keeper: Promise<QualityKeeper> | undefined = undefined;
  /** Predictions whose labels servers that share them are asked for just now. */
  readonly #claiming = new WeakSet<KeptPrediction>();
  #targets: () => Iterable<Target> = () => [];

  /** @param webhook is disposed with this. */
  constructor({ clock, logger, webhook, openStore }: MonitorsOptions) {
    this.#webhook = webhook;
    this.#openStore = openStore;
    this.#tools = {
      clock,
      logger,
      onEvent(event) {
        logger.warn({ ...event }, 'model quality');
        webhook?.send(event);
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#webhook?.[Symbol.dispose]();
    const keeper = await this.#keeper?.catch(() => undefined);
    await keeper?.[Symbol.asyncDispose]();
  }

  /** Of the webhook, where there is one. */
  exporters(): readonly ExporterReading[] {
    return this.#webhook === undefined ? [] : [this.#webhook.reading()];
  }

  /** What watches is loaded with the first model that wants it. @throws ServingError for a reference that is none. */
  async create(spec: ModelSpec, plan: MonitoringPlan): Promise<Monitor> {
    const { VersionMonitor: Created } = await import('./version-monitor.ts');
    const { name: model, version } = spec;
    const make = (kept?: KeptPredictions): VersionMonitor =>
      new Created(spec, plan, { ...this.#tools, kept });
    this.#keeper ??= this.#openStore && this.#openKeeper(this.#openStore);
    const keeper = await this.#keeper;
    const name = { model, version, fingerprint: fingerprintOf(spec, plan) };
    const monitor = keeper === undefined ? make() : await keeper.create(name, plan.feedback, make);
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

  async feedback(
    { model, version, principal, labels }: Feedback,
    caller: Principal,
  ): Promise<FeedbackCounts> {
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
    const results = await Promise.all(labels.map((labelled) => this.#label(waiting, whose, labelled)));
    for (const result of results) counts[result]++;
    for (const monitor of waiting) monitor.labelled();
    return counts;
  }

  report(
    model: string,
    version: string,
  ): { readonly model: string; readonly versions: readonly VersionReport[] } {
    return { model, versions: this.#watched(model, version).map((monitor) => reportOf(monitor)) };
  }

  profile(model: string, version: string): object {
    const isThere = ({ inputs, embeddings }: VersionMonitor): boolean =>
      inputs?.watch !== undefined || embeddings.some(({ profile }) => profile !== undefined);
    const found = this.#watched(model, version).findLast(isThere);
    if (found === undefined) throw notMonitored(model, version, 'has no reference yet');
    const embeddings = found.embeddings.flatMap(({ profile }) => (profile === undefined ? [] : [profile]));
    return {
      format: profileFormat,
      features: found.inputs?.watch?.features.map(({ profile }) => profile) ?? [],
      ...(embeddings.length === 0 ? {} : { embeddings }),
    };
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

  /** What labels have said of a version; undefined where nobody waits for them. */
  labelTotal(model: string, version: string): LabelTotal | undefined {
    return this.#find(model, version).at(-1)?.feedback?.total;
  }

  /** A copy of a request that another version answered as well is labelled with it. */
  async #label(
    monitors: readonly VersionMonitor[],
    whose: string,
    { id, labels }: LabelledRequest,
  ): Promise<keyof FeedbackCounts> {
    const nowMs = this.#tools.clock.epochMs();
    const found = await Promise.all(monitors.map((monitor) => this.#findKept(monitor, whose, id, nowMs)));
    const knowing = found.filter(({ kept }) => kept !== undefined);
    const results: (keyof FeedbackCounts)[] = [];
    for (const { monitor, kept } of knowing.length > 0 ? knowing : found.slice(-1)) {
      results.push(await this.#take(monitor, kept, labels, nowMs));
    }
    return results.includes('accepted') ? 'accepted' : (results[0] ?? 'unknown');
  }

  /** Here, or where another server has kept it. */
  async #findKept(monitor: VersionMonitor, whose: string, id: string, nowMs: number): Promise<Found> {
    const own = monitor.feedback?.find(whose, id, nowMs);
    const shared = (await this.#keeper)?.sharedOf(monitor);
    const other = await shared?.find(keyOf(whose, id));
    if (own === undefined || other === undefined) return { monitor, kept: own ?? other };
    // The same id may have been asked again elsewhere.
    if (other.atMs > own.atMs) return { monitor, kept: other };
    own.labelled ||= other.labelled;
    return { monitor, kept: own };
  }

  /** Of servers that are told the same labels at once, one takes them; and that one takes them once. */
  async #take(
    monitor: VersionMonitor,
    kept: KeptPrediction | undefined,
    labels: readonly Label[],
    nowMs: number,
  ): Promise<keyof FeedbackCounts> {
    const shared = (await this.#keeper)?.sharedOf(monitor);
    const { feedback } = monitor;
    if (feedback === undefined) return 'unknown';
    if (kept === undefined || shared === undefined || !feedback.takes(kept, labels, nowMs)) {
      return feedback.label(kept, labels, nowMs);
    }
    if (this.#claiming.has(kept)) return feedback.repeated();
    this.#claiming.add(kept);
    if (!(await shared.claim(kept.key))) kept.labelled = true;
    this.#claiming.delete(kept);
    return feedback.label(kept, labels, nowMs);
  }

  async #openKeeper(openStore: () => Promise<QualityStore>): Promise<QualityKeeper> {
    const { QualityKeeper: Keeper } = await import('./quality-keeper.ts');
    const { clock, logger } = this.#tools;
    const isServed = (monitor: VersionMonitor): boolean => this.#find('', '').includes(monitor);
    try {
      return new Keeper({ store: await openStore(), clock, logger, isServed });
    } catch (error) {
      // The next model that is watched tries again.
      this.#keeper = undefined;
      throw error;
    }
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

interface Found {
  readonly monitor: VersionMonitor;
  readonly kept: KeptPrediction | undefined;
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
