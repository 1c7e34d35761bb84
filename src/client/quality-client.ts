import type { FeedbackCounts, LabelledRequest } from '../inference/monitoring.ts';
import { Connection } from './connection.ts';
import { text } from './fields.ts';
import type { CallOptions, ClientOptions } from './types.ts';

/** Speaks `tensorgate.quality.v1.Quality` with a server. */
export interface QualityClient extends Disposable {
  feedback(
    model: string,
    labels: readonly LabelledRequest[],
    whose: { readonly version?: string; readonly principal?: string },
    options?: CallOptions,
  ): Promise<FeedbackCounts>;
  /** JSON. */
  report(model: string, version: string, options?: CallOptions): Promise<string>;
}

/** Connects at the first call. Dispose it to close the connection. */
export function createQualityClient(options: ClientOptions): QualityClient {
  const connection = new Connection(
    options,
    'tensorgate/quality/v1/quality.proto',
    'tensorgate.quality.v1.Quality',
  );
  return {
    async feedback(model, labels, { version = '', principal = '' }, call) {
      const requests = labels.map(({ id, labels: values }) => ({
        id,
        labels: values.map((value) =>
          typeof value === 'string' ? { name: value } : { number: Number(value) },
        ),
      }));
      const counts = await connection.unary('SendFeedback', { model, version, principal, requests }, call);
      return {
        accepted: Number(counts['accepted']),
        unknown: Number(counts['unknown']),
        repeated: Number(counts['repeated']),
        unfitting: Number(counts['unfitting']),
      };
    },
    report: async (model, version, call) =>
      text(await connection.unary('GetReport', { model, version }, call), 'json'),
    [Symbol.dispose]: () => connection.close(),
  };
}
