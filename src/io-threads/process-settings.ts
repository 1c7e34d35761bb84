import type { LogSettings, ServerSettings } from '../inference/server-settings.ts';
import type { LogLevel, ServerLogger } from '../observability/log.ts';
import { createServerSettings } from '../observability/settings.ts';
import type { SettingsState } from './messages.ts';

export interface ProcessSettingsOptions {
  readonly logger: ServerLogger;
  readonly mayChange: boolean;
  /** Resolves when all threads have the state. */
  readonly tell: (state: SettingsState) => Promise<void>;
}

/** Log and trace settings of the whole process: changed here, and read by every thread. */
export class ProcessSettings {
  /** The log's level as administration reads and sets it. */
  readonly logLevel: { level: LogLevel };
  readonly #options: ProcessSettingsOptions;
  readonly #settings: ServerSettings;
  /** Models that may have trace settings of their own. */
  readonly #traced = new Set<string>(['']);

  constructor(options: ProcessSettingsOptions) {
    const { logger, mayChange } = options;
    this.#options = options;
    this.#settings = createServerSettings({ logger, mayChange });
    const tellNow = (): void => void this.#tell();
    this.logLevel = {
      get level() {
        return logger.level;
      },
      set level(level) {
        logger.level = level;
        tellNow();
      },
    };
  }

  state(): SettingsState {
    const { logger } = this.#options;
    return {
      level: logger.level,
      muted: logger.muted,
      log: this.#settings.log(),
      trace: new Map(Array.from(this.#traced, (model) => [model, this.#settings.trace(model)])),
    };
  }

  /** Resolves when all threads go by it. @throws (rejects with) invalid_argument for what this server cannot do. */
  async changeLog(change: Partial<LogSettings>): Promise<void> {
    await this.#settings.changeLog(change);
    await this.#tell();
  }

  /** As `changeLog`; `model` is one of the repository, so that they are not more than its models. */
  async changeTrace(
    model: string,
    change: ReadonlyMap<string, readonly string[] | undefined>,
  ): Promise<void> {
    await this.#settings.changeTrace(model, change);
    this.#traced.add(model);
    await this.#tell();
  }

  #tell(): Promise<void> {
    return this.#options.tell(this.state());
  }
}
