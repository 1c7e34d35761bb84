import type { PredictionSink, SinkName, WrittenRecord } from '../../src/observability/predictions/sink.ts';

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
  readonly name: SinkName;
  readonly lines: string[] = [];
  fails = false;
  closed = false;
  pruned = 0;
  tries = 0;

  constructor(name: SinkName = 'jsonl') {
    this.name = name;
  }

  write(records: readonly WrittenRecord[]): Promise<void> {
    this.tries += 1;
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
