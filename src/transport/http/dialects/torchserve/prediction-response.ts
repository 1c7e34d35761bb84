import type { InferResponse } from '../../../../inference/response.ts';
import type { Tensor } from '../../../../inference/tensor.ts';
import { jsonPieces, type HttpReply } from '../../reply.ts';
import { nestedText } from '../nested/nested-text.ts';
import { refuseTorchserve } from './refuse-torchserve.ts';

/** The answer to `POST /predictions/{model}`. @throws as `predictionPieces`. */
export function encodePrediction(response: InferResponse, batches: boolean): HttpReply {
  return jsonPieces(predictionPieces(response, batches));
}

/**
 * The outputs of one row: the value of the only one, or an object of values by output.
 *
 * @param batches whether the outputs have a batch dimension.
 * @throws invalid_argument for outputs of more rows.
 */
export function predictionPieces({ outputs }: InferResponse, batches: boolean): readonly Uint8Array[] {
  const rows = batches ? outputs.map(onlyRow) : outputs;
  const [output, more] = rows;
  if (output !== undefined && more === undefined) return [nestedText(output)];
  const pieces: Uint8Array[] = [];
  for (const tensor of rows) {
    const opening = pieces.length === 0 ? '{' : ',';
    pieces.push(Buffer.from(`${opening}${JSON.stringify(tensor.name)}:`), nestedText(tensor));
  }
  return [...pieces, Buffer.from('}')];
}

function onlyRow(tensor: Tensor): Tensor {
  const [rows, ...shape] = tensor.shape;
  if (rows !== 1) throw refuseTorchserve.noRow(tensor.name);
  return { ...tensor, shape };
}
