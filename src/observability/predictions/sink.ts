import type { PredictionRecord } from './prediction-record.ts';

/** A record, and the same as one line of JSON. */
export interface WrittenRecord {
  readonly record: PredictionRecord;
  readonly line: string;
}

export type SinkName = 'jsonl' | 'redis' | 'otlp';

/** Where records go. One call at a time. */
export interface PredictionSink {
  readonly name: SinkName;
  /** Writes them; when it rejects, the same come again. */
  write(records: readonly WrittenRecord[]): Promise<void>;
  /** Removes what is too old or too much. */
  prune(): Promise<void>;
  close(): Promise<void>;
}
