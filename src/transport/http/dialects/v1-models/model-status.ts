import { signatureName, signatureOf, versionStatuses } from '../../../../inference/tensorflow-rules.ts';
import type { Handler } from '../../http-call.ts';
import { jsonReply } from '../../reply.ts';
import { versionOf, type DialectServices } from '../dialect-services.ts';

/** TensorFlow Serving's status of a model's versions. */
export function createStatus({ catalog }: DialectServices): Handler {
  return ({ path }) =>
    jsonReply({ model_version_status: versionStatuses(catalog, path.model, versionOf(catalog, path)) });
}

/**
 * KServe's readiness of a model, 503 while it is not ready.
 *
 * @param versions whether to say beside it what TensorFlow Serving says at the same path.
 */
export function createReadiness({ catalog }: DialectServices, versions: 'with versions' | 'alone'): Handler {
  return ({ path: { model } }) => {
    const statuses = versionStatuses(catalog, model, '');
    const ready = catalog.modelReady(model, '');
    const told = versions === 'alone' ? {} : { model_version_status: statuses };
    return jsonReply({ name: model, ready, ...told }, ready ? 200 : 503);
  };
}

/** TensorFlow Serving's metadata: the signature of a model. */
export function createMetadata({ catalog }: DialectServices): Handler {
  return ({ path }) => {
    const asked = versionOf(catalog, path);
    const model = catalog.metadata(path.model, asked);
    const version = asked === '' ? (model.versions.at(-1) ?? '') : asked;
    return jsonReply({
      model_spec: { name: model.name, signature_name: '', version },
      metadata: { signature_def: { signature_def: { [signatureName]: signatureOf(model) } } },
    });
  };
}
