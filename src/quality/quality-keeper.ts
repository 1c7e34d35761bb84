import type { Logger } from '../inference/logger.ts';
import type { FeedbackPlan } from '../inference/monitoring.ts';
import type { Clock } from '../util/clock.ts';
import { KeptPredictions } from './kept-predictions.ts';
import type {
  QualityStore,
  SharedPredictions,
  StoredName,
  StoredPredictions,
  StoredState,
} from './quality-store.ts';
import { storedVersion, type StoredSide, type StoredVersion } from './stored-version.ts';
import type { VersionMonitor } from './version-monitor.ts';

/** What a crash may lose of counts and labels. */
const saveMs = 10_000;

/** Writing what is known down takes this share of a thread's time at most. */
const saveShare = 0.001;

/** Longer than a model takes from being watched to serving. */
const loadingMs = 600_000;

/** No revision of a monitor. */
const neverSaved = -1;

interface Entry {
  readonly name: StoredName;
  readonly monitor: VersionMonitor;
  readonly kept: KeptPredictions | undefined;
  readonly stored: StoredPredictions | undefined;
  readonly since: number;
  saved: number;
  /** Too much work to be done again before. */
  notBefore: number;
  hasServed: boolean;
}

export interface QualityKeeperOptions {
  /** Owned from here on. */
  readonly store: QualityStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly isServed: (monitor: VersionMonitor) => boolean;
}

/** Lets the quality of versions go on after a reload, and after a restart. */
export class QualityKeeper implements AsyncDisposable {
  readonly #options: QualityKeeperOptions;
  /** By model and version: the newest of each. */
  readonly #entries = new Map<string, Entry>();
  #timer: Disposable | undefined = undefined;
  #ended = false;
  #saving: Promise<void> = Promise.resolve();

  constructor(options: QualityKeeperOptions) {
    this.#options = options;
  }

  /** A monitor that goes on where the one before it of the same name was. @throws what `make` does. */
  async create(
    name: StoredName,
    plan: FeedbackPlan | undefined,
    make: (kept: KeptPredictions | undefined) => VersionMonitor,
  ): Promise<VersionMonitor> {
    const key = `${name.model}\0${name.version}`;
    const before = this.#entries.get(key);
    const entry =
      before?.name.fingerprint === name.fingerprint
        ? continued(before, make(before.kept))
        : await this.#restored(name, plan, make);
    this.#entries.set(key, entry);
    this.#saveLater();
    return entry.monitor;
  }

  /** Where other servers keep predictions of the same version; undefined where they do not. */
  sharedOf({ model, version }: VersionMonitor): SharedPredictions | undefined {
    return this.#entries.get(`${model}\0${version}`)?.stored?.shared;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true;
    this.#timer?.[Symbol.dispose]();
    await this.#saving;
    await this.#saveAll(Infinity);
    this.#entries.clear();
    await this.#options.store[Symbol.asyncDispose]();
  }

  async #restored(
    name: StoredName,
    plan: FeedbackPlan | undefined,
    make: (kept: KeptPredictions | undefined) => VersionMonitor,
  ): Promise<Entry> {
    const { store, clock } = this.#options;
    const stored = plan && store.predictions(name, plan);
    const kept = plan && new KeptPredictions(plan.keepRequests, plan.keepMs, stored?.keeper);
    const monitor = make(kept);
    if (stored !== undefined && kept !== undefined) await this.#restorePredictions(stored, kept);
    const state = this.#read(name, await store.load(name));
    if (state !== undefined) monitor.restore(state);
    return entryOf({ name, monitor, kept, stored, since: clock.now() });
  }

  async #restorePredictions(stored: StoredPredictions, kept: KeptPredictions): Promise<void> {
    const nowMs = this.#options.clock.epochMs();
    for await (const line of stored.restore()) {
      if (line.kind === 'kept') kept.restore(line.prediction, nowMs);
      else {
        const found = kept.find(line.key, nowMs);
        if (found !== undefined) found.labelled = true;
      }
    }
  }

  /** What nobody can go on with is left. */
  #read(
    { model, version, fingerprint }: StoredName,
    stored: StoredState | undefined,
  ): StoredVersion | undefined {
    if (stored === undefined) return undefined;
    const anew = (problem: string): undefined => {
      this.#options.logger.warn(
        { model, version },
        `what was kept of its quality ${problem}; it begins anew`,
      );
    };
    let content: unknown;
    try {
      content = JSON.parse(stored.text);
    } catch {
      return anew('cannot be read');
    }
    const of = typeof content === 'object' && content !== null && 'of' in content ? content.of : undefined;
    if (of !== fingerprint) return anew('is of another model or configuration');
    const state = typeof content === 'object' && content !== null && 'state' in content ? content.state : {};
    const result = storedVersion.safeParse(state);
    if (!result.success) return anew('cannot be read');
    return stored.isOwn ? result.data : referenceOf(result.data, this.#options.clock.epochMs());
  }

  #saveLater(): void {
    this.#timer ??= this.#options.clock.after(saveMs, () => {
      this.#timer = undefined;
      this.#saving = this.#saveAndGoOn();
    });
  }

  async #saveAndGoOn(): Promise<void> {
    await this.#saveAll(this.#options.clock.now());
    if (this.#entries.size > 0 && !this.#ended) this.#saveLater();
  }

  async #saveAll(now: number): Promise<void> {
    for (const [key, entry] of this.#entries) {
      const served = this.#options.isServed(entry.monitor);
      entry.hasServed ||= served;
      const gone = !served && (entry.hasServed || now - entry.since > loadingMs);
      if (gone || now >= entry.notBefore) await this.#save(entry);
      // Another one may have come in its place meanwhile.
      if (gone && this.#entries.get(key) === entry) this.#entries.delete(key);
    }
  }

  async #save(entry: Entry): Promise<void> {
    const { store, clock } = this.#options;
    const { monitor, name } = entry;
    const { revision } = monitor;
    if (revision === entry.saved) {
      if (!(await store.unchanged(name))) entry.saved = neverSaved;
      return;
    }
    const startedAt = clock.now();
    const text = JSON.stringify({ of: name.fingerprint, state: monitor.save() });
    const endedAt = clock.now();
    entry.notBefore = endedAt + (endedAt - startedAt) / saveShare;
    entry.saved = (await store.save(name, text)) ? revision : neverSaved;
  }
}

function entryOf(parts: Pick<Entry, 'name' | 'monitor' | 'kept' | 'stored' | 'since'>): Entry {
  return { ...parts, saved: parts.monitor.revision, notBefore: 0, hasServed: false };
}

/** All servers compare with the same. */
function referenceOf({ inputs, answers, embeddings }: StoredVersion, from: number): StoredVersion {
  const anew = ({ reference }: StoredSide): StoredSide => ({
    reference,
    from,
    rows: 0,
    inARow: [],
    windows: [],
  });
  return {
    drifting: false,
    ...(inputs === undefined ? {} : { inputs: anew(inputs) }),
    ...(answers === undefined ? {} : { answers: anew(answers) }),
    ...(embeddings === undefined
      ? {}
      : {
          embeddings: embeddings.map(({ profile }) => ({
            profile,
            from,
            inARow: 0,
            shifts: [],
            sampleEvery: 1,
            sample: [],
          })),
        }),
  };
}

/** The one before may still see answers: they are kept for labels, and not counted. */
function continued(before: Entry, monitor: VersionMonitor): Entry {
  monitor.restore(before.monitor.save());
  return { ...entryOf({ ...before, monitor }), saved: neverSaved };
}
