/** What becomes of a value before it is written. */
export type Rule =
  | { readonly kind: 'keep' }
  | { readonly kind: 'drop' }
  /** Equal values have equal hashes until the salt changes. */
  | { readonly kind: 'hash' }
  /** The interval that a number lies in, all of this width. */
  | { readonly kind: 'width'; readonly width: number }
  /** The interval between two of these bounds, which ascend. */
  | { readonly kind: 'bounds'; readonly bounds: readonly number[] }
  /** A text without all but its first and last characters; how many are gone is not told. */
  | { readonly kind: 'mask'; readonly keepFirst: number; readonly keepLast: number };

/** Where the name of whom a prediction is about stands in a request. */
export interface SubjectPlace {
  readonly from: 'feature' | 'parameter';
  readonly name: string;
}

/** What is written of the answers of one model. */
export interface ModelPlan {
  /** Part of its answers, in (0, 1]. */
  readonly sample: number;
  readonly requestId: 'keep' | 'hash' | 'drop';
  /** A keyed hash over all inputs of a request. */
  readonly inputHash: boolean;
  /** By feature, or by input where features are not listed. What is not named is not written. */
  readonly features: ReadonlyMap<string, Rule>;
  readonly subject: SubjectPlace | undefined;
  /** Of one request; further ones are counted as dropped. */
  readonly maxRows: number;
}

export interface JsonlPlan {
  readonly directory: string;
  readonly rotateBytes: number;
  readonly rotateMs: number;
  /** No record is kept longer. */
  readonly retentionMs: number;
  /** Of all files together; the oldest go first. */
  readonly maxTotalBytes: number;
}

export interface RedisPlan {
  /** redis:// or rediss://, without a password. */
  readonly url: string;
  readonly passwordFile: string | undefined;
  readonly stream: string;
  readonly maxEntries: number;
  /** No record is kept longer. */
  readonly retentionMs: number;
}

/** The file of `--prediction-log`, complete. */
export interface PredictionLogPlan {
  readonly models: ReadonlyMap<string, ModelPlan>;
  readonly jsonl: JsonlPlan | undefined;
  readonly redis: RedisPlan | undefined;
  /** OTLP log records, exported as the OTEL_* variables say. */
  readonly otlp: boolean;
  /** File of a secret that hashes are made with; undefined where a random one of the process will do. */
  readonly keyFile: string | undefined;
  readonly saltRotationMs: number;
}
