import { ServingError } from '../../errors.ts';
import type { ModelCatalog } from '../../inference/catalog.ts';
import type { Infer } from '../../inference/infer.ts';
import type { InferRequest } from '../../inference/request.ts';
import type { InferResponse } from '../../inference/response.ts';
import { answerAsEvents, eventOf, isEmpty } from './answer-as-events.ts';
import { decodeGenerateRequest, generateReplyText } from './generate.ts';
import { takes, type Endpoint, type HttpCall } from './http-call.ts';
import { readBody } from './large-json/large-json.ts';
import type { HttpReply } from './reply.ts';

export interface GenerateEndpointsOptions {
  readonly infer: Infer;
  readonly catalog: ModelCatalog;
  /** What tensors of one request may take as bytes. */
  readonly maxBodyBytes: number;
}

/** generate and generate_stream. */
export function createGenerateEndpoints(
  options: GenerateEndpointsOptions,
): readonly (readonly [string, Endpoint])[] {
  return [
    ['models/{model}/generate', takes('infer', (call) => answerOnce(options, call))],
    [
      'models/{model}/generate_stream',
      takes('infer', async (call) =>
        answerAsEvents({ infer: options.infer, eventOf: generateEvent }, await decode(options, call), call),
      ),
    ],
  ];
}

function decode(
  { catalog, maxBodyBytes }: GenerateEndpointsOptions,
  call: HttpCall,
): InferRequest | Promise<InferRequest> {
  const { path, body } = call;
  const { inputs } = catalog.metadata(path.model, path.version);
  const asked = { path, bytes: body, inputs, maxBytes: maxBodyBytes };
  return readBody(call, 'generate', asked, { read: decodeGenerateRequest });
}

/** Decoupled models are asked as well, and may answer once; a second answer ends the request. */
async function answerOnce(options: GenerateEndpointsOptions, call: HttpCall): Promise<HttpReply> {
  const request = await decode(options, call);
  const { context } = call;
  context.streaming = true;
  context.takeAnswer = () => Promise.reject(notOneAnswer());
  const response = await options.infer(request, context);
  if (isEmpty(response, call)) throw notOneAnswer();
  const pieces = [Buffer.from(generateReplyText(response))];
  return { status: 200, contentType: 'application/json', headers: [], pieces, compressible: true };
}

function generateEvent(response: InferResponse): Buffer {
  return eventOf([Buffer.from(generateReplyText(response))]);
}

function notOneAnswer(): ServingError {
  return new ServingError(
    'unimplemented',
    'generate expects model to produce exactly 1 response, use generate stream for model with decoupled transaction policy',
    { reason: 'DECOUPLED_MODEL' },
  );
}
