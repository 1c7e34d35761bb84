import type { ModelCatalog } from '../../inference/catalog.ts';
import type { Infer } from '../../inference/infer.ts';
import type { InferResponse } from '../../inference/response.ts';
import { answerAsEvents, eventOf } from './answer-as-events.ts';
import { createGenerateEndpoints } from './generate-endpoints.ts';
import { takes, type Endpoint, type HttpCall } from './http-call.ts';
import { decodeInferRequest, type DecodedInfer } from './infer-request.ts';
import { encodeInferResponse, jsonLengthHeader } from './infer-response.ts';
import { largeBytes } from './large-json/large-json.ts';
import { rawInferRequest } from './raw-request.ts';
import { refuse } from './refuse.ts';
import type { HttpReply } from './reply.ts';

export interface InferEndpointsOptions {
  readonly infer: Infer;
  readonly catalog: ModelCatalog;
  /** What tensors of one request that come as JSON may take as bytes. */
  readonly maxBodyBytes: number;
}

/** infer, infer_stream, generate and generate_stream. */
export function createInferEndpoints(
  options: InferEndpointsOptions,
): readonly (readonly [string, Endpoint])[] {
  return [
    ['models/{model}/infer', takes('infer', (call) => answerInfer(options, call))],
    ['models/{model}/infer_stream', takes('infer', (call) => answerInferStream(options, call))],
    ...createGenerateEndpoints(options),
  ];
}

async function answerInfer(options: InferEndpointsOptions, call: HttpCall): Promise<HttpReply> {
  const { request, binaryOutputs } = await decode(options, call);
  return encodeInferResponse(await options.infer(request, call.context), binaryOutputs);
}

/** MLServer's form of a stream: an event for each answer, with the reply that infer gives. */
async function answerInferStream(options: InferEndpointsOptions, call: HttpCall): Promise<HttpReply> {
  const { request, binaryOutputs } = await decode(options, call);
  if (binaryOutputs === 'all' || binaryOutputs.size > 0) throw refuse.binaryEvents();
  return answerAsEvents({ infer: options.infer, eventOf: inferEvent }, request, call);
}

function inferEvent(response: InferResponse): Buffer {
  return eventOf(encodeInferResponse(response, noNames).pieces);
}

const noNames: ReadonlySet<string> = new Set<string>();

const jsonLengthName = jsonLengthHeader.toLowerCase();

function decode(
  { catalog, maxBodyBytes }: InferEndpointsOptions,
  call: HttpCall,
): DecodedInfer | Promise<DecodedInfer> {
  const { path, body } = call;
  const header = call.header(jsonLengthName);
  const jsonBytes = header === undefined ? undefined : readJsonLength(header, body.length);
  if (jsonBytes === 0) return rawInferRequest(catalog, path, body);
  const asked = {
    model: path.model,
    version: path.version,
    bytes: body,
    jsonBytes,
    maxBytes: maxBodyBytes,
  };
  const { largeJson, context } = call;
  if (largeJson === undefined || (jsonBytes ?? body.length) < largeBytes) return decodeInferRequest(asked);
  return largeJson.read('infer', asked, context);
}

function readJsonLength(text: string, bodyBytes: number): number {
  const length = /^\d{1,15}$/.test(text) ? Number(text) : Infinity;
  if (length <= bodyBytes) return length;
  throw refuse.header(jsonLengthHeader, `a whole number of 0 to ${bodyBytes}, the bytes of the body`);
}
