/** What is logged and how, in the protocol's words. */
export interface LogSettings {
  /** '' for standard output. Cannot be changed by clients. */
  readonly log_file: string;
  readonly log_info: boolean;
  readonly log_warning: boolean;
  readonly log_error: boolean;
  /** 0 for none. */
  readonly log_verbose_level: number;
  readonly log_format: string;
}

/** Each setting is a list of words; lists of one for all but trace_level. */
export type TraceSettings = ReadonlyMap<string, readonly string[]>;

/** The settings that clients may read, and change where the operator allows it. */
export interface ServerSettings {
  /** False unless the server runs with `--allow-settings`. */
  readonly mayChange: boolean;
  log(): LogSettings;
  /** Only the given fields change. Values have been checked. @throws invalid_argument for what this server cannot do. */
  changeLog(change: Partial<LogSettings>): void | Promise<void>;
  /** The settings of a model, or of all models for ''. */
  trace(model: string): TraceSettings;
  /** undefined clears a setting, back to the one of all models. @throws invalid_argument for what this server cannot do. */
  changeTrace(
    model: string,
    change: ReadonlyMap<string, readonly string[] | undefined>,
  ): void | Promise<void>;
}
