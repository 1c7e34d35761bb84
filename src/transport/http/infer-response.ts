import type { Parameters } from '../../inference/request.ts';
import type { InferResponse } from '../../inference/response.ts';
import { placeParameters } from '../../inference/shared-memory-rules.ts';
import type { Tensor } from '../../inference/tensor.ts';
import { appendElements } from './element-text.ts';
import type { BinaryOutputs } from './infer-request.ts';
import { binaryReply, jsonPieces, type HttpReply } from './reply.ts';

/** Header with the bytes of JSON before binary data, on requests and replies. */
export const jsonLengthHeader = 'Inference-Header-Content-Length';

/**
 * The reply to an infer request: JSON, with the bytes of the outputs that were asked for so behind it. Those stay views
 * of the response's tensors.
 *
 * @throws invalid_argument for outputs that JSON cannot carry.
 */
export function encodeInferResponse(response: InferResponse, binaryOutputs: BinaryOutputs): HttpReply {
  const pieces: Uint8Array[] = [];
  const blobs: Uint8Array[] = [];
  let binary = false;
  let text = openResponse(response);
  const { outputs } = response;
  for (let index = 0; index < outputs.length; index++) {
    const tensor = outputs[index];
    if (tensor === undefined) continue;
    text += index === 0 ? '{' : ',{';
    text += describe(tensor);
    const place = response.shared?.get(tensor.name);
    if (place !== undefined) {
      text += `,"parameters":${parametersText(placeParameters(place))}}`;
    } else if (binaryOutputs === 'all' || binaryOutputs.has(tensor.name)) {
      text += `,"parameters":{"binary_data_size":${tensor.data.length}}}`;
      if (tensor.data.length > 0) blobs.push(tensor.data);
      binary = true;
    } else {
      pieces.push(Buffer.from(`${text},"data":[`));
      appendElements(pieces, tensor);
      text = ']}';
    }
  }
  pieces.push(Buffer.from(`${text}]}`));
  if (!binary) return jsonPieces(pieces);
  let jsonBytes = 0;
  for (const piece of pieces) jsonBytes += piece.length;
  return binaryReply([...pieces, ...blobs], [jsonLengthHeader, String(jsonBytes)]);
}

function openResponse({ id, model, version, parameters }: InferResponse): string {
  const idText = id === '' ? '' : `"id":${JSON.stringify(id)},`;
  const head = `{${idText}"model_name":${JSON.stringify(model)},"model_version":${JSON.stringify(version)}`;
  return parameters.size === 0
    ? `${head},"outputs":[`
    : `${head},"parameters":${parametersText(parameters)},"outputs":[`;
}

/** As JSON; integers beyond 2^53 with all their digits. */
export function parametersText(parameters: Parameters): string {
  const fields = Array.from(parameters, ([name, value]) => {
    const text = typeof value === 'bigint' ? String(value) : JSON.stringify(value);
    return `${JSON.stringify(name)}:${text}`;
  });
  return `{${fields.join(',')}}`;
}

function describe({ name, datatype, shape }: Tensor): string {
  return `"name":${JSON.stringify(name)},"datatype":"${datatype}","shape":[${shape.join(',')}]`;
}
