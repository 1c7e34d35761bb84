import type { Parameters } from '../../inference/request.ts';
import type { InferResponse } from '../../inference/response.ts';
import { encodeParameters } from './infer-parameters.ts';
import {
  ResponseTemplates,
  responseTag,
  stringField,
  type ResponseTemplate,
} from './infer-response-template.ts';
import type { Encoded } from './method.ts';
import { utf8Size, varintSize, writeString, writeVarint } from './wire-writer.ts';

/**
 * Answers up to this size leave as one buffer; above it tensors leave where they are, because copying costs more than a
 * piece does (native-bench/codec-cost.ts).
 */
const copyUpToBytes = 8 * 1024;

const parametersField = 4;

/** Writes answers. Outputs always go into raw_output_contents, whatever form the request had. */
export class InferResponseEncoder {
  readonly #templates = new ResponseTemplates();

  /** A ModelInferResponse. Pieces are views of the response's tensors. */
  encode(response: InferResponse): Encoded {
    const plan = createPlan(this.#templates.get(response), response, response.parameters);
    return write(plan, response, 0);
  }

  /** A ModelStreamInferResponse that holds the answer, with `parameters` in place of the answer's own. */
  encodeInStream(response: InferResponse, parameters: Parameters): Encoded {
    const plan = createPlan(this.#templates.get(response), response, parameters);
    return write(plan, response, 1 + varintSize(plan.sizeBytes));
  }
}

/**
 * A ModelStreamInferResponse that reports a failure and says whose it is. The message must not be empty: that is how
 * clients tell failure.
 */
export function encodeStreamError(message: string, id: string, parameters: Parameters): Buffer {
  const idField = stringField(responseTag.id, id);
  const parameterBytes = encodeParameters(parametersField, parameters);
  const size = idField.length + parameterBytes.length;
  const head = Buffer.allocUnsafe(1 + varintSize(size));
  head[0] = inStreamTag;
  writeVarint(head, 1, size);
  return Buffer.concat([stringField(10, message), head, idField, parameterBytes]);
}

/** Tag of infer_response in ModelStreamInferResponse. */
const inStreamTag = 18;

interface Plan {
  readonly template: ResponseTemplate;
  readonly parameterBytes: Uint8Array;
  readonly idSize: number;
  /** Everything but the tensors' bytes. */
  readonly fixedBytes: number;
  /** Of the whole ModelInferResponse. */
  readonly sizeBytes: number;
}

function createPlan(template: ResponseTemplate, response: InferResponse, parameters: Parameters): Plan {
  const parameterBytes = encodeParameters(parametersField, parameters);
  const idSize = utf8Size(response.id);
  let fixedBytes = template.head.length + parameterBytes.length + template.outputBytes.length;
  if (idSize > 0) fixedBytes += 1 + varintSize(idSize) + idSize;
  let tensorBytes = 0;
  const { outputs } = response;
  for (let index = 0; index < outputs.length; index++) {
    const size = outputs[index]?.data.length ?? 0;
    fixedBytes += 1 + varintSize(size);
    tensorBytes += size;
  }
  return { template, parameterBytes, idSize, fixedBytes, sizeBytes: fixedBytes + tensorBytes };
}

/** @param wrapBytes room for tag and length of the enclosing stream message; 0 for none. */
function write(plan: Plan, response: InferResponse, wrapBytes: number): Encoded {
  const copies = wrapBytes + plan.sizeBytes <= copyUpToBytes;
  const target = Buffer.allocUnsafe(wrapBytes + (copies ? plan.sizeBytes : plan.fixedBytes));
  let position = writeHead(target, plan, response, wrapBytes);
  const { outputs } = response;
  if (copies) {
    for (let index = 0; index < outputs.length; index++) {
      const data = outputs[index]?.data;
      if (data === undefined) continue;
      target[position] = responseTag.raw;
      position = writeVarint(target, position + 1, data.length);
      target.set(data, position);
      position += data.length;
    }
    return target;
  }
  const pieces: Uint8Array[] = [];
  let pieceStart = 0;
  for (let index = 0; index < outputs.length; index++) {
    const data = outputs[index]?.data;
    if (data === undefined) continue;
    target[position] = responseTag.raw;
    position = writeVarint(target, position + 1, data.length);
    pieces.push(target.subarray(pieceStart, position), data);
    pieceStart = position;
  }
  return pieces;
}

/** Writes everything before the tensors' bytes and returns the position after it. */
function writeHead(target: Buffer, plan: Plan, response: InferResponse, wrapBytes: number): number {
  const { template, parameterBytes, idSize } = plan;
  let position = 0;
  if (wrapBytes > 0) {
    target[0] = inStreamTag;
    position = writeVarint(target, 1, plan.sizeBytes);
  }
  target.set(template.head, position);
  position += template.head.length;
  if (idSize > 0) position = writeString(target, position, responseTag.id, response.id, idSize);
  if (parameterBytes.length > 0) {
    target.set(parameterBytes, position);
    position += parameterBytes.length;
  }
  target.set(template.outputBytes, position);
  return position + template.outputBytes.length;
}
