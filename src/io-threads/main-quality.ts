import type { LabelTotal } from '../inference/arm-metrics.ts';
import type { ModelQuality } from '../inference/monitoring.ts';
import type { Target } from '../inference/target.ts';
import type { ThreadObservation } from '../observability/observation.ts';
import type { ModelMonitors } from '../quality/model-monitors.ts';
import type { VersionReport } from '../quality/version-report.ts';
import type { Clock } from '../util/clock.ts';
import type { Handlers } from './call-port.ts';
import type { MainCalls, ThreadSightings } from './messages.ts';

/** Between two visits to the threads; whoever asks for a report, or brings labels, makes one of their own. */
const visitMs = 250;

export interface MainQualityOptions {
  readonly clock: Clock;
  /** Owned from here on. */
  readonly monitors: ModelMonitors;
  /** What each thread has seen since it was last asked. */
  readonly ask: () => Promise<readonly ThreadSightings[]>;
  /** All that serve now, by the numbers of their sessions. */
  readonly targets: () => ReadonlyMap<number, Target>;
}

type QualityCalls = 'feedback' | 'qualityReport' | 'qualityProfile' | 'qualityPage';

/** The quality of models whose requests I/O threads answer: the main thread counts what all of them have seen. */
export class MainQuality implements AsyncDisposable {
  readonly create: ModelMonitors['create'];
  readonly handlers: Pick<Handlers<MainCalls>, QualityCalls>;
  readonly #options: MainQualityOptions;
  #timer: Disposable | undefined = undefined;
  #visiting: Promise<void> | undefined = undefined;
  #nextVisit: Promise<void> | undefined = undefined;
  #ended = false;

  constructor(options: MainQualityOptions) {
    const { monitors } = options;
    this.#options = options;
    monitors.follow(() => options.targets().values());
    this.create = (spec, plan) => {
      this.#visitLater();
      return monitors.create(spec, plan);
    };
    const visited = this.#visitedFirst(monitors);
    this.handlers = {
      feedback: ({ feedback, caller }) => visited.feedback(feedback, caller),
      qualityReport: ({ model, version }) => visited.report(model, version),
      qualityProfile: ({ model, version }) => visited.profile(model, version),
      qualityPage: ({ model, version }) => visited.page(model, version),
    };
  }

  /** What the main thread tells beside what the threads do: of the webhook, where there is one. */
  observe(): ThreadObservation {
    const exporters = this.#options.monitors.exporters();
    return { thread: 'main', failures: [], transports: [], runtime: undefined, exporters };
  }

  reports(): readonly VersionReport[] {
    return this.#options.monitors.reports();
  }

  labelTotal(model: string, version: string): LabelTotal | undefined {
    return this.#options.monitors.labelTotal(model, version);
  }

  /** Counts what the threads have seen until now; who asks during a visit shares the next one. */
  visit(): Promise<void> {
    if (this.#visiting === undefined) {
      this.#visiting = this.#visit().finally(() => (this.#visiting = undefined));
      return this.#visiting;
    }
    this.#nextVisit ??= this.#visitAfter(this.#visiting);
    return this.#nextVisit;
  }

  async #visitAfter(visiting: Promise<void>): Promise<void> {
    await visiting.catch(() => undefined);
    this.#nextVisit = undefined;
    return this.visit();
  }

  async #visit(): Promise<void> {
    const { ask, targets, monitors } = this.#options;
    const answers = await ask();
    const served = targets();
    for (const { sightings, unread } of answers) {
      for (const { id, sighting } of sightings) monitors.of(served.get(id))?.take(sighting);
      for (const { id, failures, dropped, problem } of unread) {
        const monitor = monitors.of(served.get(id));
        if (failures > 0) monitor?.failed(failures, problem);
        monitor?.drop(dropped);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true;
    this.#timer?.[Symbol.dispose]();
    await this.#options.monitors[Symbol.asyncDispose]();
  }

  /** From the first model that is watched on. */
  #visitLater(): void {
    if (this.#timer !== undefined || this.#ended) return;
    this.#timer = this.#options.clock.after(visitMs, () => {
      const again = (): void => {
        this.#timer = undefined;
        this.#visitLater();
      };
      // A thread that fails is replaced; what it had seen is lost.
      void this.visit().then(again, again);
    });
  }

  /** Labels may come for what another thread answered a moment ago. */
  #visitedFirst(quality: ModelQuality): ModelQuality {
    const first = async <Answer>(then: () => Answer | Promise<Answer>): Promise<Answer> => {
      await this.visit();
      return then();
    };
    return {
      feedback: (feedback, caller) => first(() => quality.feedback(feedback, caller)),
      report: (model, version) => first(() => quality.report(model, version)),
      profile: (model, version) => first(() => quality.profile(model, version)),
      page: (model, version) => first(() => quality.page(model, version)),
    };
  }
}
