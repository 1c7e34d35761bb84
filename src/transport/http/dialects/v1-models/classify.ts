import type { InferRequest, RequestedOutput } from '../../../../inference/request.ts';
import { noParameters } from '../../../../inference/request.ts';
import type { Handler, HttpCall } from '../../http-call.ts';
import { readBody } from '../../large-json/large-json.ts';
import { jsonPieces } from '../../reply.ts';
import { versionOf, type DialectServices } from '../dialect-services.ts';
import { readExamples } from './read-examples.ts';
import { classificationOutputs, classificationText, regressionText, scoresOutput } from './scores.ts';

/** TensorFlow Serving's `:classify`, for any model with one output of scores. */
export function createClassify(services: DialectServices): Handler {
  const { infer, catalog } = services;
  return async (call) => {
    const version = versionOf(catalog, call.path);
    const model = catalog.metadata(call.path.model, version);
    const outputs = classificationOutputs(model);
    const request = await requestOf(call, version, outputs, services);
    const labels = catalog.labels(model.name, version).get(scoresOutput(model)) ?? [];
    return jsonPieces([Buffer.from(classificationText(await infer(request, call.context), labels))]);
  };
}

/** TensorFlow Serving's `:regress`, for any model with one output of one value for each row. */
export function createRegress(services: DialectServices): Handler {
  const { infer, catalog } = services;
  return async (call) => {
    const version = versionOf(catalog, call.path);
    const model = catalog.metadata(call.path.model, version);
    const outputs = [{ name: scoresOutput(model), parameters: noParameters }];
    const request = await requestOf(call, version, outputs, services);
    const rows = request.inputs[0]?.shape[0] ?? 0;
    return jsonPieces([Buffer.from(regressionText(await infer(request, call.context), rows))]);
  };
}

async function requestOf(
  call: HttpCall,
  version: string,
  outputs: readonly RequestedOutput[],
  { catalog, maxBodyBytes }: DialectServices,
): Promise<InferRequest> {
  const { path, body } = call;
  const { inputs } = catalog.metadata(path.model, version);
  const asked = { bytes: body, inputs, maxBytes: maxBodyBytes };
  const tensors = await readBody(call, 'examples', asked, { read: readExamples });
  return { model: path.model, version, id: '', inputs: tensors, outputs, parameters: noParameters };
}
