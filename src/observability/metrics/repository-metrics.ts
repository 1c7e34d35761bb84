import type { Metric, NumberMetric } from './metric.ts';
import type { RepositoryReading } from './server-reading.ts';

function ofRepositories(
  kind: NumberMetric['kind'],
  name: string,
  help: string,
  value: (repository: RepositoryReading) => number | undefined,
): NumberMetric {
  return {
    kind,
    name,
    help,
    labels: ['source'],
    read: ({ repositories }) =>
      repositories.flatMap((repository) => {
        const number = value(repository);
        return number === undefined ? [] : [{ labels: { source: repository.source }, value: number }];
      }),
  };
}

/** Model repositories that are fetched from elsewhere. */
export const repositoryMetrics: readonly Metric[] = [
  ofRepositories(
    'gauge',
    'tensorgate_source_up',
    '1 while the last look at a remote model repository went well.',
    ({ up }) => Number(up),
  ),
  ofRepositories(
    'counter',
    'tensorgate_source_failures_total',
    'Looks at a remote model repository that failed.',
    ({ failures }) => failures,
  ),
  ofRepositories(
    'counter',
    'tensorgate_source_fetched_bytes_total',
    'Bytes fetched from a remote model repository.',
    ({ fetchedBytes }) => fetchedBytes,
  ),
  ofRepositories(
    'gauge',
    'tensorgate_source_seen_timestamp_seconds',
    'When a remote model repository could last be read, in seconds since 1970.',
    ({ seenAtEpochMs }) => (seenAtEpochMs === undefined ? undefined : seenAtEpochMs / 1000),
  ),
];
