import type { InferResponse } from '../../../../inference/response.ts';
import type { Tensor } from '../../../../inference/tensor.ts';
import { jsonPieces, type HttpReply } from '../../reply.ts';
import { nestedText, rowTexts } from '../nested/nested-text.ts';
import type { PredictForm } from './predict-request.ts';
import { refuseV1 } from './refuse-v1.ts';

const comma = Buffer.from(',');
const closeBrace = Buffer.from('}');

/**
 * The reply to a `:predict` request. A model's only output stands for itself, several stand under their names.
 *
 * @throws invalid_argument for outputs that have no rows to be told apart, when rows are wanted.
 */
export function encodePredictResponse({ outputs }: InferResponse, form: PredictForm): HttpReply {
  if (form === 'column') return jsonPieces([Buffer.from('{"outputs":'), ...columns(outputs), closeBrace]);
  return jsonPieces([Buffer.from('{"predictions":'), ...rows(outputs), closeBrace]);
}

function columns(outputs: readonly Tensor[]): readonly Uint8Array[] {
  const [output, more] = outputs;
  if (output !== undefined && more === undefined) return [nestedText(output)];
  const pieces: Uint8Array[] = [];
  for (const tensor of outputs) {
    pieces.push(
      Buffer.from(`${pieces.length === 0 ? '{' : ','}${JSON.stringify(tensor.name)}:`),
      nestedText(tensor),
    );
  }
  return [...pieces, closeBrace];
}

function rows(outputs: readonly Tensor[]): readonly Uint8Array[] {
  const [output, more] = outputs;
  const count = output?.shape[0] ?? 0;
  for (const { name, shape } of outputs) if (shape[0] !== count) throw refuseV1.noRowOutput(name);
  if (output !== undefined && more === undefined) return [nestedText(output)];
  const keys = outputs.map(({ name }, index) =>
    Buffer.from(`${index === 0 ? '{' : ','}${JSON.stringify(name)}:`),
  );
  const texts = outputs.map((tensor) => rowTexts(tensor));
  const pieces: Uint8Array[] = [];
  for (let row = 0; row < count; row++) {
    if (row > 0) pieces.push(comma);
    for (const [index, key] of keys.entries()) pieces.push(key, texts[index]?.[row] ?? noText);
    pieces.push(closeBrace);
  }
  // Together, because a reply of many small pieces costs more to send than to join.
  return [Buffer.from('['), Buffer.concat(pieces), Buffer.from(']')];
}

const noText = Buffer.alloc(0);
