import type { PredictionCounts } from '../observability/predictions/prediction-log.ts';

/** What two threads counted, one of which may be gone. Both follow the same plan, so they name the same models and sinks. */
export function sumPredictions(
  a: PredictionCounts | undefined,
  b: PredictionCounts | undefined,
): PredictionCounts | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return {
    models: a.models.map((own) => {
      const other = b.models.find(({ model }) => model === own.model);
      if (other === undefined) return own;
      return {
        model: own.model,
        records: own.records + other.records,
        dropped: {
          pending: own.dropped.pending + other.dropped.pending,
          rows: own.dropped.rows + other.dropped.rows,
          unreadable: own.dropped.unreadable + other.dropped.unreadable,
        },
      };
    }),
    sinks: a.sinks.map((own) => {
      const other = b.sinks.find(({ sink }) => sink === own.sink);
      if (other === undefined) return own;
      return {
        sink: own.sink,
        written: own.written + other.written,
        dropped: own.dropped + other.dropped,
        failures: own.failures + other.failures,
        buffered: own.buffered + other.buffered,
      };
    }),
  };
}

/** As a thread that is gone leaves it: what waited there was not written. */
export function lostPredictions(counts: PredictionCounts | undefined): PredictionCounts | undefined {
  return (
    counts && {
      models: counts.models,
      sinks: counts.sinks.map((sink) => ({ ...sink, dropped: sink.dropped + sink.buffered, buffered: 0 })),
    }
  );
}
