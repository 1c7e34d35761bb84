import type { Handler } from '../../http-call.ts';
import { versionOf, type DialectServices } from '../dialect-services.ts';
import { decodePredictRequest, type PredictForm } from './predict-request.ts';
import { encodePredictResponse } from './predict-response.ts';

/** @param inputsForm what `inputs` holds. */
export function createPredict(services: DialectServices, inputsForm: PredictForm): Handler {
  const { infer, catalog, maxBodyBytes } = services;
  return async ({ path, body, context }) => {
    const version = versionOf(catalog, path);
    const { inputs } = catalog.metadata(path.model, version);
    const { request, form } = decodePredictRequest({
      model: path.model,
      version,
      bytes: body,
      inputs,
      maxBytes: maxBodyBytes,
      inputsForm,
    });
    return encodePredictResponse(await infer(request, context), form);
  };
}
