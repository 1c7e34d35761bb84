import { ServingError } from '../../errors.ts';
import type { ModelCatalog } from '../../inference/catalog.ts';
import { reads, type Endpoint } from './http-call.ts';
import { jsonReply } from './reply.ts';

/** What `GET /v2` says. */
export interface ServerIdentity {
  /** `triton` by default elsewhere: some of Triton's clients insist on it. */
  readonly name: string;
  readonly version: string;
  readonly extensions: readonly string[];
}

type NamedEndpoint = readonly [pattern: string, endpoint: Endpoint];

/** The server's metadata, and the models' metadata, configurations and names. */
export function createMetadataEndpoints(
  catalog: ModelCatalog,
  { name, version, extensions }: ServerIdentity,
): readonly NamedEndpoint[] {
  return [
    ['', reads('infer', () => jsonReply({ name, version, extensions }))],
    ['models', reads('infer', () => jsonReply({ models: readyModels(catalog) }))],
    ['models/{model}', reads('infer', ({ path }) => jsonReply(catalog.metadata(path.model, path.version)))],
    [
      'models/{model}/config',
      reads('infer', ({ path }) => jsonReply(catalog.config(path.model, path.version))),
    ],
  ];
}

function readyModels(catalog: ModelCatalog): readonly string[] {
  return [...new Set(catalog.index(true).map(({ name }) => name))];
}

/**
 * Liveness and readiness. Open to everybody, as probes have no credentials. What is not ready is a 400, as in Triton;
 * the small bodies are KServe's.
 *
 * @param draining true once the server is stopping.
 */
export function createHealthEndpoints(
  catalog: ModelCatalog,
  draining: () => boolean,
): readonly NamedEndpoint[] {
  return [
    ['health/live', reads('none', () => jsonReply({ live: true }))],
    [
      'health/ready',
      reads('none', () => {
        const ready = catalog.ready() && !draining();
        return jsonReply({ ready }, ready ? 200 : 400);
      }),
    ],
    [
      'models/{model}/ready',
      reads('none', ({ path: { model, version } }) => {
        if (catalog.modelReady(model, version)) return jsonReply({ name: model, ready: true });
        catalog.metadata(model, version);
        throw new ServingError('invalid_argument', 'Model version not ready', { reason: 'MODEL_NOT_READY' });
      }),
    ],
  ];
}
