import type { PredictionSink, WrittenRecord } from '../../src/observability/predictions/sink.ts';

/** A record of which only the line counts. */
export function writtenRecord(line: string): WrittenRecord {
  return {
    line,
    record: {
      time: '2026-11-21T00:00:00.000Z',
      model: 'm',
      version: '1',
      front: 'grpc',
      row: 0,
      rows: 1,
      features: {},
      prediction: line,
      confidence: null,
      latencyMs: 1,
    },
  };
}

/** Keeps lines, or fails when told to. */
export class PuppetSink implements PredictionSink {
  readonly name = 'jsonl';
  readonly lines: string[] = [];
  fails = false;
  closed = false;
  pruned = 0;

  write(records: readonly WrittenRecord[]): Promise<void> {
    if (this.fails) return Promise.reject(new Error('full'));
    this.lines.push(...records.map(({ line }) => line));
    return Promise.resolve();
  }

  prune(): Promise<void> {
    this.pruned += 1;
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }
}
