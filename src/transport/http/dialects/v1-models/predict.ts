import type { Handler } from '../../http-call.ts';
import { readBody } from '../../large-json/large-json.ts';
import { versionOf, type DialectServices } from '../dialect-services.ts';
import { decodePredictRequest, type PredictForm } from './predict-request.ts';
import { encodePredictResponse } from './predict-response.ts';

/** @param inputsForm what `inputs` holds. */
export function createPredict(services: DialectServices, inputsForm: PredictForm): Handler {
  const { infer, catalog, maxBodyBytes } = services;
  return async (call) => {
    const { path, body, context } = call;
    const version = versionOf(catalog, path);
    const { inputs } = catalog.metadata(path.model, version);
    const asked = {
      model: path.model,
      version,
      bytes: body,
      inputs,
      maxBytes: maxBodyBytes,
      inputsForm,
    };
    const { request, form } = await readBody(call, 'tensors', asked, { read: decodePredictRequest });
    return encodePredictResponse(await infer(request, context), form);
  };
}
